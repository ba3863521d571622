// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/core/window.h"

#include <cstddef>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "vmm_backend/base/crc32c.h"
#include "vmm_backend/core/guest_text.h"

namespace marrow {
namespace {

// A guest changes its table in microseconds; one that is odd this often in a row died in between.
constexpr int kAttempts = 8;

template <typename T>
absl::StatusOr<T> ReadStruct(const ByteSource& window, std::uint64_t offset) {
  T value;
  absl::Status status = window.ReadAt(offset, std::as_writable_bytes(std::span(&value, 1)));
  if (!status.ok()) return status;
  return value;
}

absl::StatusOr<marrow_guest_identity> ReadGuestIdentity(const ByteSource& window) {
  const auto identity =
      ReadStruct<marrow_guest_identity>(window, offsetof(marrow_window_header, guest));
  if (!identity.ok()) return identity.status();
  if (identity->magic != MARROW_GUEST_MAGIC) {
    return absl::FailedPreconditionError("no guest has attached to the window yet");
  }
  if (identity->version_major != MARROW_VERSION_MAJOR ||
      identity->header_bytes < MARROW_HEADER_BYTES) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "the guest speaks window version %d.%d with a header of %d bytes; this host reads version "
        "%d: update the older side",
        identity->version_major, identity->version_minor, identity->header_bytes,
        MARROW_VERSION_MAJOR));
  }
  return identity;
}

bool HasGraph(const marrow_table_control& control) {
  return control.graph_offset != 0 && control.graph_bytes != 0;
}

absl::Status CheckPlacement(const marrow_table_control& control, std::uint64_t window_bytes) {
  const std::uint64_t end =
      control.table_offset + std::uint64_t{control.region_count} * sizeof(marrow_region);
  if (control.table_offset < MARROW_HEADER_BYTES || control.table_offset % 64 != 0 ||
      end > window_bytes) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the table of %d regions at offset %d does not fit the window of %d bytes",
                        control.region_count, control.table_offset, window_bytes));
  }
  if (!HasGraph(control)) return absl::OkStatus();
  const std::uint64_t graph_end = std::uint64_t{control.graph_offset} + control.graph_bytes;
  if (control.graph_offset < MARROW_HEADER_BYTES || graph_end > window_bytes) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the graph of %d bytes at offset %d does not fit the window of %d bytes",
                        control.graph_bytes, control.graph_offset, window_bytes));
  }
  return absl::OkStatus();
}

struct TableCopy {
  marrow_table_control control{};
  marrow_facts facts{};
  std::string entries = {};
  std::string graph = {};
};

// One attempt. Unavailable if the guest wrote meanwhile.
absl::StatusOr<TableCopy> CopyTable(const ByteSource& window) {
  constexpr std::uint64_t kControl = offsetof(marrow_window_header, table);
  const absl::Status changing = absl::UnavailableError("the guest is changing its region table");
  const auto before = ReadStruct<marrow_table_control>(window, kControl);
  if (!before.ok()) return before.status();
  if (before->generation == 0) {
    return absl::FailedPreconditionError("the guest has not published a region table yet");
  }
  if (before->sequence % 2 != 0) return changing;
  TableCopy copy{.control = *before};
  // Placement may be a torn value: it is judged only after the sequence was seen unchanged.
  const absl::Status placement = CheckPlacement(copy.control, window.size());
  if (placement.ok()) {
    const auto facts = ReadStruct<marrow_facts>(window, offsetof(marrow_window_header, facts));
    if (!facts.ok()) return facts.status();
    copy.facts = *facts;
    copy.entries.resize(copy.control.region_count * sizeof(marrow_region));
    if (HasGraph(copy.control)) copy.graph.resize(copy.control.graph_bytes);
    absl::Status status =
        window.ReadAt(copy.control.table_offset, std::as_writable_bytes(std::span(copy.entries)));
    if (status.ok() && !copy.graph.empty()) {
      status =
          window.ReadAt(copy.control.graph_offset, std::as_writable_bytes(std::span(copy.graph)));
    }
    if (!status.ok()) return status;
  }
  const auto after = ReadStruct<std::uint32_t>(window, kControl);
  if (!after.ok()) return after.status();
  if (*after != copy.control.sequence) return changing;
  if (!placement.ok()) return placement;
  std::uint32_t crc = Crc32c(std::as_bytes(std::span(&copy.facts, 1)));
  crc = Crc32c(AsBytes(copy.entries), crc);
  crc = Crc32c(AsBytes(copy.graph), crc);
  if (crc != copy.control.crc32c) {
    return absl::DataLossError(absl::StrFormat(
        "the region table's CRC-32C is %08x, its header says %08x", crc, copy.control.crc32c));
  }
  return copy;
}

absl::StatusOr<RegionEntry> ParseEntry(const marrow_region& raw, std::string name) {
  if (raw.id == 0) return absl::InvalidArgumentError("id 0");
  if (raw.size == 0) return absl::InvalidArgumentError("size 0");
  if (!CheckedAdd(raw.address, raw.size)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%#x + %#x wraps around the address space", raw.address, raw.size));
  }
  if (raw.address_kind != MARROW_ADDRESS_GPA && raw.address_kind != MARROW_ADDRESS_GVA) {
    return absl::InvalidArgumentError(absl::StrFormat("address kind %d", raw.address_kind));
  }
  if (raw.region_class > MARROW_CLASS_SECRET) {
    return absl::InvalidArgumentError(absl::StrFormat("region class %d", raw.region_class));
  }
  return RegionEntry{.id = raw.id,
                     .address_kind = raw.address_kind == MARROW_ADDRESS_GPA ? AddressKind::kGpa
                                                                            : AddressKind::kGva,
                     .address = raw.address,
                     .size = raw.size,
                     .region_class = static_cast<marrow_region_class>(raw.region_class),
                     .name = std::move(name)};
}

void ParseEntries(Bytes entries, const TableLimits& limits, RegionTable& table) {
  const std::size_t count = entries.size() / sizeof(marrow_region);
  const std::size_t parsed = std::min<std::size_t>(count, limits.regions);
  table.regions_over_limit = count - parsed;
  std::set<std::uint64_t> ids;
  for (std::size_t i = 0; i < parsed; ++i) {
    const auto raw = LoadAt<marrow_region>(entries, i * sizeof(marrow_region));
    std::string name = GuestText(absl::string_view(raw.name, sizeof(raw.name)));
    absl::StatusOr<RegionEntry> entry = ParseEntry(raw, name);
    if (entry.ok() && !ids.insert(entry->id).second) {
      entry = absl::InvalidArgumentError("its id is taken by an earlier entry");
    }
    if (entry.ok()) {
      table.regions.push_back(*std::move(entry));
    } else if (table.rejected.size() < limits.rejected) {
      table.rejected.push_back(
          {.id = raw.id, .name = std::move(name), .why = std::string(entry.status().message())});
    }
  }
}

void TakeGraph(const TableCopy& copy, const TableLimits& limits, RegionTable& table) {
  if (copy.graph.empty()) return;
  if (copy.graph.size() > limits.graph_bytes) {
    table.graph_rejected = absl::StrFormat("%d bytes; the configured limit is %d",
                                           copy.graph.size(), limits.graph_bytes);
    return;
  }
  if (copy.control.graph_offset % 64 != 0) {
    table.graph_rejected =
        absl::StrFormat("its offset %d is not a multiple of 64", copy.control.graph_offset);
    return;
  }
  profile::Result<graph::Graph> graph = graph::ParseGraph(AsBytes(copy.graph));
  if (graph.ok()) {
    table.graph = std::move(*graph);
  } else {
    table.graph_rejected = graph.error();
  }
}

template <typename Field>
std::array<std::uint8_t, 16> ToArray(const Field& field) {
  std::array<std::uint8_t, 16> out;
  std::copy(std::begin(field), std::end(field), out.begin());
  return out;
}

}  // namespace

marrow_host_identity MakeHostIdentity(std::uint64_t window_bytes,
                                      const std::array<std::uint8_t, 16>& nonce) {
  marrow_host_identity identity{};
  identity.magic = MARROW_HOST_MAGIC;
  identity.version_major = MARROW_VERSION_MAJOR;
  identity.version_minor = MARROW_VERSION_MINOR;
  identity.header_bytes = MARROW_HEADER_BYTES;
  identity.window_bytes = window_bytes;
  std::copy(nonce.begin(), nonce.end(), identity.nonce);
  return identity;
}

absl::StatusOr<GuestStatus> ReadGuestStatus(const ByteSource& window) {
  const auto identity = ReadGuestIdentity(window);
  if (!identity.ok()) return identity.status();
  const auto heartbeat =
      ReadStruct<marrow_heartbeat>(window, offsetof(marrow_window_header, heartbeat));
  const auto request = ReadStruct<marrow_request>(window, offsetof(marrow_window_header, request));
  const auto panic = ReadStruct<marrow_panic_record>(window, offsetof(marrow_window_header, panic));
  for (const absl::Status& status : {heartbeat.status(), request.status(), panic.status()}) {
    if (!status.ok()) return status;
  }
  return GuestStatus{.state = identity->state <= MARROW_STATE_SHUTDOWN
                                  ? static_cast<marrow_guest_state>(identity->state)
                                  : MARROW_STATE_NONE,
                     .boot_id = ToArray(identity->boot_id),
                     .heartbeat = *heartbeat,
                     .request = *request,
                     .panicked = panic->valid == 1,
                     .panic = *panic};
}

absl::StatusOr<RegionTable> ReadRegionTable(const ByteSource& window, const TableLimits& limits) {
  const auto identity = ReadGuestIdentity(window);
  if (!identity.ok()) return identity.status();
  absl::StatusOr<TableCopy> copy = CopyTable(window);
  for (int attempt = 1; attempt < kAttempts && absl::IsUnavailable(copy.status()); ++attempt) {
    copy = CopyTable(window);
  }
  if (!copy.ok()) return copy.status();
  RegionTable table{.generation = copy->control.generation,
                    .boot_id = ToArray(identity->boot_id),
                    .facts = copy->facts};
  ParseEntries(AsBytes(copy->entries), limits, table);
  TakeGraph(*copy, limits, table);
  return table;
}

std::string FormatBootId(const std::array<std::uint8_t, 16>& boot_id) {
  std::string out;
  for (std::size_t i = 0; i < boot_id.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    absl::StrAppendFormat(&out, "%02x", boot_id[i]);
  }
  return out;
}

}  // namespace marrow
