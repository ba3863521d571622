// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "vmm_backend/capture/capture.h"

namespace marrow {

// All that a capture learnt, before it becomes a manifest.
struct CaptureFindings {
  const RegionTable* table = nullptr;
  v1::TableSource table_source = v1::TABLE_SOURCE_NONE;
  std::optional<GuestStatus> status;
  std::vector<VcpuState> vcpus;
  v1::RegisterSource register_source = v1::REGISTER_SOURCE_NONE;
  Vmcoreinfo vmcoreinfo;
  absl::Duration stopped;
  absl::Duration capture;
  std::vector<MissingPart> missing;  // besides the plan's
};

// PURE. Every string from the guest is made safe.
v1::Manifest MakeManifest(const CaptureSubject& subject, const CaptureOrder& order,
                          const CapturePlan& plan, const CapturedPages& pages,
                          const CaptureFindings& findings);

}  // namespace marrow
