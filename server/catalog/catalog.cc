// SPDX-License-Identifier: Apache-2.0
#include "server/catalog/catalog.h"

#include "absl/strings/str_cat.h"
#include "server/errors/error_info.h"

namespace marrow {
namespace {

std::int64_t Nanoseconds(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1'000'000'000 + time.nanos();
}

}  // namespace

std::string DumpName(absl::string_view dump_id) { return absl::StrCat("dumps/", dump_id); }

absl::Status DumpNotFound(absl::string_view dump_id) {
  return WithReason(absl::NotFoundError(absl::StrCat("there is no dump ", dump_id)),
                    "DUMP_NOT_FOUND", {{"dump", dump_id}});
}

PageKey KeyOf(const v1::Dump& dump, OrderField field) {
  const v1::Manifest& manifest = dump.manifest();
  PageKey key{.value = {}, .dump_id = manifest.dump_id()};
  switch (field) {
    case OrderField::kCaptureTime:
      key.value = Nanoseconds(manifest.capture_time());
      break;
    case OrderField::kReceiveTime:
      key.value = Nanoseconds(dump.receive_time());
      break;
    case OrderField::kCoreBytes:
      key.value = static_cast<std::int64_t>(dump.core_bytes());
      break;
    case OrderField::kVm:
      key.value = manifest.vm().name();
      break;
    case OrderField::kHost:
      key.value = manifest.host().name();
      break;
  }
  return key;
}

}  // namespace marrow
