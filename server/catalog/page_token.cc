// SPDX-License-Identifier: Apache-2.0
#include "server/catalog/page_token.h"

#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/errors/error_info.h"
#include "vmm_backend/base/crc32c.h"
#include "vmm_backend/base/ulid.h"

namespace marrow {
namespace {

// u32 CRC-32C of the rest, u8 version, u64 query, u8 kind of value, 26 bytes of dump id, value.
constexpr std::size_t kVersionAt = 4;
constexpr std::size_t kQueryAt = 5;
constexpr std::size_t kKindAt = 13;
constexpr std::size_t kIdAt = 14;
constexpr std::size_t kIdBytes = 26;
constexpr std::size_t kValueAt = kIdAt + kIdBytes;
constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kNumber = 0;
constexpr std::uint8_t kText = 1;

std::uint64_t QueryOf(const Filter& filter, const OrderBy& order) {
  const std::string text =
      absl::StrCat(static_cast<int>(order.field), " ", static_cast<int>(order.direction), " ",
                   FormatFilter(filter));
  return LoadAt<std::uint64_t>(Sha256Of(AsBytes(text)), 0);
}

bool OrdersByText(const OrderBy& order) {
  return order.field == OrderField::kVm || order.field == OrderField::kHost;
}

absl::Status Invalid() {
  return WithReason(
      absl::InvalidArgumentError("page_token is not one that this store gave out; start again "
                                 "without one"),
      "PAGE_TOKEN_INVALID");
}

}  // namespace

std::string EncodePageToken(const PageKey& key, const Filter& filter, const OrderBy& order) {
  const auto* text = std::get_if<std::string>(&key.value);
  std::string token(kValueAt, '\0');
  token.replace(kIdAt, kIdBytes, key.dump_id);
  const MutableBytes head = std::as_writable_bytes(std::span(token));
  StoreAt(head, kVersionAt, kVersion);
  StoreAt(head, kQueryAt, QueryOf(filter, order));
  StoreAt(head, kKindAt, text != nullptr ? kText : kNumber);
  if (text != nullptr) {
    token += *text;
  } else {
    const auto number = std::get<std::int64_t>(key.value);
    token.append(AsText(std::as_bytes(std::span(&number, 1))).data(), sizeof(number));
  }
  StoreAt(std::as_writable_bytes(std::span(token)), 0, Crc32c(AsBytes(token).subspan(kVersionAt)));
  return absl::WebSafeBase64Escape(token);
}

absl::StatusOr<PageKey> DecodePageToken(absl::string_view token, const Filter& filter,
                                        const OrderBy& order) {
  std::string raw;
  if (!absl::WebSafeBase64Unescape(token, &raw) || raw.size() < kValueAt) return Invalid();
  const Bytes bytes = AsBytes(raw);
  if (LoadAt<std::uint32_t>(bytes, 0) != Crc32c(bytes.subspan(kVersionAt)) ||
      LoadAt<std::uint8_t>(bytes, kVersionAt) != kVersion) {
    return Invalid();
  }
  if (LoadAt<std::uint64_t>(bytes, kQueryAt) != QueryOf(filter, order)) {
    return WithReason(
        absl::InvalidArgumentError("page_token belongs to another filter or order_by; repeat those "
                                   "of the first page, or start again without a token"),
        "PAGE_TOKEN_MISMATCH");
  }
  PageKey key{.value = {}, .dump_id = raw.substr(kIdAt, kIdBytes)};
  const bool is_text = LoadAt<std::uint8_t>(bytes, kKindAt) == kText;
  if (!IsUlid(key.dump_id) || is_text != OrdersByText(order)) return Invalid();
  if (is_text) {
    key.value = raw.substr(kValueAt);
  } else {
    if (raw.size() != kValueAt + sizeof(std::int64_t)) return Invalid();
    key.value = LoadAt<std::int64_t>(bytes, kValueAt);
  }
  return key;
}

}  // namespace marrow
