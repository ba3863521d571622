// SPDX-License-Identifier: Apache-2.0
// Little-endian loads and stores on byte spans, and where bytes come from.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace marrow {

static_assert(std::endian::native == std::endian::little, "Marrow hosts are little-endian");

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

// The T that starts at `offset`. The caller has checked offset + sizeof(T) <= bytes.size().
template <typename T>
requires std::is_trivially_copyable_v<T> T LoadAt(Bytes bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// As LoadAt, for stores.
template <typename T>
requires std::is_trivially_copyable_v<T>
void StoreAt(MutableBytes bytes, std::size_t offset, const T& value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

inline Bytes AsBytes(absl::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline absl::string_view AsText(Bytes bytes) {
  // SAFETY: char may alias any object; the view borrows the span's storage.
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Random access to a fixed sequence of bytes: a file, a blob, a buffer. Thread-safe for reads.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  // All or nothing. OutOfRange if [offset, offset + out.size()) is not within size().
  virtual absl::Status ReadAt(std::uint64_t offset, MutableBytes out) const = 0;
};

// A buffer as a ByteSource. The bytes must outlive it.
class SpanSource final : public ByteSource {
 public:
  explicit SpanSource(Bytes bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  absl::Status ReadAt(std::uint64_t offset, MutableBytes out) const override {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
      return absl::OutOfRangeError("read past the end of the buffer");
    }
    if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
    return absl::OkStatus();
  }

 private:
  Bytes bytes_;
};

// Where a writer's bytes go, strictly in order.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual absl::Status Write(Bytes bytes) = 0;
};

// A string as a ByteSink.
class StringSink final : public ByteSink {
 public:
  absl::Status Write(Bytes bytes) override {
    text.append(AsText(bytes).data(), bytes.size());
    return absl::OkStatus();
  }
  std::string text;
};

}  // namespace marrow
