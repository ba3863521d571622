// SPDX-License-Identifier: Apache-2.0
// A kernel's structures from its BTF (Documentation/bpf/btf.rst), which may be hostile: the host
// reads it out of dead guests. Reading takes time and memory in proportion to the bytes.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "guest/profile/kernel_types.h"
#include "guest/profile/result.h"

namespace marrow::profile {

// Not thread-safe while modules are added. Typedefs of structures count as structures, the first
// element of an array of structures stands for it inside a path, and a path may name another one:
// "tasks[2].first".
class Btf final : public KernelTypes {
 public:
  // The content of /sys/kernel/btf/vmlinux, or of vmlinux's section .BTF. It is copied. Once
  // `expired` says so, no more is read of it, and no member is found.
  static Result<Btf> Parse(std::span<const std::byte> vmlinux, std::function<bool()> expired = {});

  Btf(Btf&&) noexcept;
  Btf& operator=(Btf&&) noexcept;
  ~Btf() override;

  // The content of /sys/kernel/btf/<module>; what the kernel or earlier modules define stays as it
  // is. Returns what is wrong with it, or ""; then nothing is added.
  std::string AddModule(std::span<const std::byte> module);

  std::optional<std::uint64_t> SizeOf(std::string_view type) const override;
  std::optional<Member> Find(std::string_view type, std::string_view path) const override;

 private:
  struct State;
  explicit Btf(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace marrow::profile
