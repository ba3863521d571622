// SPDX-License-Identifier: Apache-2.0
// Reads what a guest wrote into its window (guest/include/marrow/abi.h). The guest is hostile:
// every byte is copied out once and only the copy is looked at; counts and offsets are checked
// against the window before use; a bad entry costs that entry, never the table.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "guest/graph/graph.h"
#include "marrow/abi.h"
#include "vmm_backend/base/address.h"
#include "vmm_backend/base/bytes.h"

namespace marrow {

enum class AddressKind { kGpa, kGva };

struct RegionEntry {
  std::uint64_t id = 0;
  AddressKind address_kind = AddressKind::kGpa;
  std::uint64_t address = 0;
  std::uint64_t size = 0;  // bytes, not 0; address + size does not wrap
  marrow_region_class region_class = MARROW_CLASS_KERNEL_DATA;
  std::string name = {};
};

// An entry that broke the specification, and how.
struct RejectedEntry {
  std::uint64_t id = 0;
  std::string name;
  std::string why = {};
};

struct RegionTable {
  std::uint64_t generation = 0;
  std::array<std::uint8_t, 16> boot_id{};
  marrow_facts facts{};
  std::vector<RegionEntry> regions = {};  // valid, ids unique, in table order
  std::vector<RejectedEntry> rejected = {};
  std::uint64_t regions_over_limit = 0;    // entries behind limits.regions, not looked at
  std::optional<graph::Graph> graph = {};  // names not sanitised
  std::string graph_rejected = {};  // why there is none although the guest published one, or ""
};

struct TableLimits {
  std::uint32_t regions = 4096;
  std::uint32_t rejected = 64;  // described in full; further ones are left out
  std::uint32_t graph_bytes = 1 << 20;
};

// The guest's small, independently written parts of the header, from one copy.
struct GuestStatus {
  marrow_guest_state state = MARROW_STATE_NONE;
  std::array<std::uint8_t, 16> boot_id{};
  marrow_heartbeat heartbeat{};
  marrow_request request{};  // text not sanitised
  bool panicked = false;     // the panic record is valid
  marrow_panic_record panic{};
};

// What a freshly formatted window starts with.
marrow_host_identity MakeHostIdentity(std::uint64_t window_bytes,
                                      const std::array<std::uint8_t, 16>& nonce);

// FailedPrecondition while no guest has attached to the window, InvalidArgument for a guest header
// of another version, else the source's error.
absl::StatusOr<GuestStatus> ReadGuestStatus(const ByteSource& window);

// A consistent copy of facts, regions and graph. `window` must start at the window's first byte.
//   FailedPrecondition  no guest has attached, or it has published nothing yet
//   Unavailable         the guest was changing the table each time we looked: try again, or use the
//                       last good table
//   InvalidArgument     offsets or counts do not fit the window
//   DataLoss            the CRC does not match: scribbled over, or a writer that breaks the
//   protocol
absl::StatusOr<RegionTable> ReadRegionTable(const ByteSource& window, const TableLimits& limits);

// "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", from the 16 bytes in order.
std::string FormatBootId(const std::array<std::uint8_t, 16>& boot_id);

}  // namespace marrow
