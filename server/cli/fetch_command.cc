// SPDX-License-Identifier: Apache-2.0
// marrow dumps fetch
#include <optional>

#include "absl/strings/str_cat.h"
#include "server/cli/commands.h"
#include "server/cli/core_download.h"
#include "server/cli/progress.h"
#include "server/cli/units.h"

namespace marrow::cli {

absl::Status FetchCore(Session& session, const FetchArguments& arguments) {
  const auto dump = session.GetDump(arguments.id);
  if (!dump.ok()) return dump.status();
  const std::string path = arguments.output.empty()
                               ? absl::StrCat(dump->manifest().dump_id(), ".core")
                               : arguments.output;
  std::optional<ProgressBar> bar;
  if (session.environment().show_progress) bar.emplace(session.err());
  const auto progress = [&bar](std::uint64_t done, std::uint64_t total) {
    if (bar.has_value()) bar->Update(done, total);
  };
  absl::Status status = DownloadCore(session, *dump, path, progress);
  bar.reset();
  if (!status.ok()) return status;
  if (session.json()) {
    session.PrintJson(*dump);
  } else {
    session.out() << path << ": " << HumanBytes(dump->core_bytes()) << "\n";
  }
  if (dump->state() == v1::DUMP_STATE_PARTIAL) {
    session.err() << "marrow: the dump is partial: `marrow dumps show "
                  << dump->manifest().dump_id() << "` says what is missing\n";
  }
  return absl::OkStatus();
}

}  // namespace marrow::cli
