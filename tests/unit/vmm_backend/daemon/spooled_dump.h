// SPDX-License-Identifier: Apache-2.0
// A small dump for tests of the spool and the uploader.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "vmm_backend/base/ulid.h"
#include "vmm_backend/daemon/spool.h"

namespace marrow {

// Ids that sort by `n`.
inline std::string TestId(int n) { return MakeUlid(absl::FromUnixMillis(1'000'000 + n), {}); }

// A core of `pages` pages whose bytes depend on the id.
class TestDump {
 public:
  explicit TestDump(std::string id, std::size_t pages = 3) {
    manifest_.set_dump_id(id);
    manifest_.mutable_vm()->set_name("vm-1");
    CoreContent content;
    for (std::size_t i = 0; i < pages; ++i) {
      content.pages.push_back(Gpa{i * kPageBytes});
      for (std::size_t byte = 0; byte < kPageBytes; ++byte) {
        memory_.push_back(static_cast<char>(id.back() + static_cast<char>(i + byte)));
      }
    }
    layout_ = LayOutCore(std::move(content)).value();
  }

  const std::string& id() const { return manifest_.dump_id(); }
  v1::Manifest& manifest() { return manifest_; }
  const CoreLayout& layout() const { return layout_; }

  absl::StatusOr<SpoolEntry> AddTo(Spool& spool) const {
    return spool.Add(manifest_, layout_, [this](std::size_t i) { return Page(i); });
  }

  // The core as it must arrive.
  std::string Core() const {
    StringSink sink;
    EXPECT_TRUE(WriteCore(
                    layout_, [this](std::size_t i) { return Page(i); }, sink)
                    .ok());
    return sink.text;
  }

 private:
  Bytes Page(std::size_t i) const { return AsBytes(memory_).subspan(i * kPageBytes, kPageBytes); }

  v1::Manifest manifest_;
  CoreLayout layout_;
  std::string memory_;
};

// The core of a pending dump.
inline std::string ReadCore(const Spool& spool, const std::string& id) {
  const auto core = spool.OpenCore(id);
  EXPECT_TRUE(core.ok()) << core.status();
  if (!core.ok()) return "";
  std::string text((*core)->size(), '\0');
  EXPECT_TRUE((*core)->ReadAt(0, std::as_writable_bytes(std::span(text))).ok());
  return text;
}

}  // namespace marrow
