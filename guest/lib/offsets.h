// SPDX-License-Identifier: Apache-2.0
// Window offsets of the fields that the library touches, from the window's start.
#pragma once

#include <stddef.h>

#include "marrow/abi.h"

namespace marrow::guest {

inline constexpr size_t kHostMagic = offsetof(marrow_window_header, host.magic);
inline constexpr size_t kHostVersion = offsetof(marrow_window_header, host.version_major);
inline constexpr size_t kHostWindowBytes = offsetof(marrow_window_header, host.window_bytes);
inline constexpr size_t kHostNonce = offsetof(marrow_window_header, host.nonce);

inline constexpr size_t kAckSequence = offsetof(marrow_window_header, ack.sequence);
inline constexpr size_t kAckState = offsetof(marrow_window_header, ack.state);
inline constexpr size_t kAckDetail = offsetof(marrow_window_header, ack.detail);
inline constexpr size_t kAckPresence = offsetof(marrow_window_header, ack.presence);

inline constexpr size_t kGuestMagic = offsetof(marrow_window_header, guest.magic);
inline constexpr size_t kGuestVersion = offsetof(marrow_window_header, guest.version_major);
inline constexpr size_t kGuestFeatures = offsetof(marrow_window_header, guest.features);
inline constexpr size_t kGuestBootId = offsetof(marrow_window_header, guest.boot_id);
inline constexpr size_t kGuestState = offsetof(marrow_window_header, guest.state);
inline constexpr size_t kGuestWriter = offsetof(marrow_window_header, guest.writer);

inline constexpr size_t kSequence = offsetof(marrow_window_header, table.sequence);
inline constexpr size_t kTableCrc = offsetof(marrow_window_header, table.crc32c);
inline constexpr size_t kGeneration = offsetof(marrow_window_header, table.generation);
inline constexpr size_t kTableOffset = offsetof(marrow_window_header, table.table_offset);
inline constexpr size_t kRegionCount = offsetof(marrow_window_header, table.region_count);
inline constexpr size_t kRegionCapacity = offsetof(marrow_window_header, table.region_capacity);
inline constexpr size_t kGraphOffset = offsetof(marrow_window_header, table.graph_offset);
inline constexpr size_t kGraphBytes = offsetof(marrow_window_header, table.graph_bytes);

inline constexpr size_t kFacts = offsetof(marrow_window_header, facts);

inline constexpr size_t kBeat = offsetof(marrow_window_header, heartbeat.beat);
inline constexpr size_t kPeriodMs = offsetof(marrow_window_header, heartbeat.period_ms);
inline constexpr size_t kUptimeMs = offsetof(marrow_window_header, heartbeat.uptime_ms);

inline constexpr size_t kRequestSequence = offsetof(marrow_window_header, request.sequence);
inline constexpr size_t kRequestKind = offsetof(marrow_window_header, request.kind);
inline constexpr size_t kRequestText = offsetof(marrow_window_header, request.text);

inline constexpr size_t kPanicValid = offsetof(marrow_window_header, panic.valid);
inline constexpr size_t kPanicCpu = offsetof(marrow_window_header, panic.cpu);
inline constexpr size_t kPanicIp = offsetof(marrow_window_header, panic.ip);
inline constexpr size_t kPanicSp = offsetof(marrow_window_header, panic.sp);
inline constexpr size_t kPanicReason = offsetof(marrow_window_header, panic.reason);
inline constexpr size_t kPanicTextBytes = offsetof(marrow_window_header, panic.text_bytes);
inline constexpr size_t kPanicText = offsetof(marrow_window_header, panic.text);

}  // namespace marrow::guest
