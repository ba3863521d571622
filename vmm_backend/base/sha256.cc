// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/base/sha256.h"

#include <openssl/evp.h>

#include <cstdlib>

#include "absl/strings/escaping.h"

namespace marrow {

struct Sha256::State {
  struct Free {
    void operator()(EVP_MD_CTX* raw) const { EVP_MD_CTX_free(raw); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  state_->context.reset(EVP_MD_CTX_new());
  // Fails only when OpenSSL has no memory or no SHA-256: neither can be handled.
  if (!state_->context || EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) != 1) {
    std::abort();
  }
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(Bytes bytes) {
  if (EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) != 1) std::abort();
}

Sha256Digest Sha256::Finish() {
  Sha256Digest digest;
  // SAFETY: unsigned char may alias std::byte; the buffer has the digest's size.
  auto* out = reinterpret_cast<unsigned char*>(digest.data());
  if (EVP_DigestFinal_ex(state_->context.get(), out, nullptr) != 1) std::abort();
  return digest;
}

Sha256Digest Sha256Of(Bytes bytes) {
  Sha256 sha;
  sha.Update(bytes);
  return sha.Finish();
}

std::string Hex(Bytes bytes) { return absl::BytesToHexString(AsText(bytes)); }

}  // namespace marrow
