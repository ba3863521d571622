// SPDX-License-Identifier: Apache-2.0
// The fields of the filter language as data. Internal to query.
#pragma once

#include <array>

#include "absl/strings/string_view.h"
#include "server/query/filter.h"

namespace marrow {

enum class FieldType { kText, kTime, kTrigger, kState };

struct FieldInfo {
  absl::string_view name;
  FilterField field;
  FieldType type;
};

// Labels are not here: they are written labels.KEY.
inline constexpr std::array kFilterFields = {
    FieldInfo{"vm", FilterField::kVm, FieldType::kText},
    FieldInfo{"host", FilterField::kHost, FieldType::kText},
    FieldInfo{"trigger", FilterField::kTrigger, FieldType::kTrigger},
    FieldInfo{"kernel_release", FilterField::kKernelRelease, FieldType::kText},
    FieldInfo{"build_id", FilterField::kBuildId, FieldType::kText},
    FieldInfo{"state", FilterField::kState, FieldType::kState},
    FieldInfo{"title", FilterField::kTitle, FieldType::kText},
    FieldInfo{"capture_time", FilterField::kCaptureTime, FieldType::kTime},
    FieldInfo{"receive_time", FilterField::kReceiveTime, FieldType::kTime},
};

struct OperatorInfo {
  absl::string_view text;
  FilterOp op;
};

inline constexpr std::array kFilterOperators = {
    OperatorInfo{"=", FilterOp::kEqual},    OperatorInfo{"!=", FilterOp::kNotEqual},
    OperatorInfo{"<", FilterOp::kLess},     OperatorInfo{"<=", FilterOp::kLessEqual},
    OperatorInfo{">", FilterOp::kGreater},  OperatorInfo{">=", FilterOp::kGreaterEqual},
    OperatorInfo{":", FilterOp::kContains},
};

}  // namespace marrow
