// SPDX-License-Identifier: Apache-2.0
// marrow dumps read
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/cli/commands.h"
#include "server/cli/hex_dump.h"
#include "server/cli/units.h"
#include "vmm_backend/base/bytes.h"

namespace marrow::cli {
namespace {

// The most that one ReadMemory call gives; a multiple of a hex dump's line.
constexpr std::uint64_t kMaxReadBytes = 1 << 20;

absl::StatusOr<v1::ReadMemoryResponse> ReadPiece(Session& session,
                                                 const v1::ReadMemoryRequest& request) {
  grpc::ClientContext context;
  SetTimeout(context, kCallTimeout);
  v1::ReadMemoryResponse response;
  absl::Status status =
      session.StoreStatus(session.dumps().ReadMemory(&context, request, &response));
  if (!status.ok()) return status;
  if (response.data().size() != request.length()) {
    return absl::InternalError(absl::StrCat("the store sent ", response.data().size(),
                                            " bytes where it was asked for ", request.length()));
  }
  return response;
}

void Print(Session& session, const ReadArguments& arguments, std::uint64_t address,
           const v1::ReadMemoryResponse& piece) {
  if (session.json()) {
    session.PrintJsonLine(piece);
  } else if (arguments.format == MemoryFormat::kRaw) {
    session.out() << piece.data();
  } else {
    session.out() << HexDump(address, AsBytes(piece.data()));
  }
}

}  // namespace

absl::Status ReadMemory(Session& session, const ReadArguments& arguments) {
  if (arguments.gpa.has_value() == arguments.gva.has_value()) {
    return absl::InvalidArgumentError("expected one of --gpa and --gva");
  }
  const std::uint64_t start = arguments.gpa.has_value() ? *arguments.gpa : *arguments.gva;
  if (arguments.length == 0) return absl::InvalidArgumentError("--length must be at least 1");
  if (arguments.length - 1 > ~start) {
    return absl::InvalidArgumentError(absl::StrCat("--length ", arguments.length, " from ",
                                                   HumanAddress(start),
                                                   " goes past the end of the address space"));
  }
  const auto name = session.ResolveName(arguments.id);
  if (!name.ok()) return name.status();
  for (std::uint64_t done = 0; done < arguments.length;) {
    const std::uint64_t bytes = std::min(kMaxReadBytes, arguments.length - done);
    v1::ReadMemoryRequest request;
    request.set_name(*name);
    request.set_length(static_cast<std::uint32_t>(bytes));
    if (arguments.gpa.has_value()) {
      request.set_gpa(start + done);
    } else {
      request.set_gva(start + done);
    }
    const auto piece = ReadPiece(session, request);
    if (absl::IsNotFound(piece.status()) && done > 0) {
      return absl::OutOfRangeError(absl::StrCat("only ", done, " of ", arguments.length,
                                                " bytes printed: ", piece.status().message()));
    }
    if (!piece.ok()) return piece.status();
    Print(session, arguments, start + done, *piece);
    done += bytes;
  }
  return absl::OkStatus();
}

}  // namespace marrow::cli
