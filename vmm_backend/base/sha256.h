// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>

#include "vmm_backend/base/bytes.h"

namespace marrow {

using Sha256Digest = std::array<std::byte, 32>;

// Incremental SHA-256 (FIPS 180-4). Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(Bytes bytes);
  // The digest of all bytes so far. Call once.
  Sha256Digest Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Sha256Digest Sha256Of(Bytes bytes);

// Lower-case hex.
std::string Hex(Bytes bytes);

}  // namespace marrow
