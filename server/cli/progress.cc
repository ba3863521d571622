// SPDX-License-Identifier: Apache-2.0
#include "server/cli/progress.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/cli/units.h"

namespace marrow::cli {
namespace {

constexpr std::uint64_t kBarWidth = 40;

std::uint64_t Share(std::uint64_t done, std::uint64_t total, std::uint64_t of) {
  if (total == 0) return of;
  const double share = static_cast<double>(std::min(done, total)) / static_cast<double>(total);
  return static_cast<std::uint64_t>(share * static_cast<double>(of));
}

}  // namespace

std::string RenderProgress(std::uint64_t done_bytes, std::uint64_t total_bytes) {
  const std::uint64_t filled = Share(done_bytes, total_bytes, kBarWidth);
  std::string bar(filled, '=');
  if (filled < kBarWidth) bar.push_back('>');
  bar.resize(kBarWidth, ' ');
  return absl::StrFormat("[%s] %3u%%  %s of %s", bar, Share(done_bytes, total_bytes, 100),
                         HumanBytes(done_bytes), HumanBytes(total_bytes));
}

void ProgressBar::Update(std::uint64_t done_bytes, std::uint64_t total_bytes) {
  const std::uint64_t percent = Share(done_bytes, total_bytes, 100);
  if (percent_ == percent) return;
  percent_ = percent;
  // Erases to the end of the line: the texts differ in length.
  out_ << "\r" << RenderProgress(done_bytes, total_bytes) << "\x1b[K" << std::flush;
}

ProgressBar::~ProgressBar() {
  if (percent_.has_value()) out_ << std::endl;
}

}  // namespace marrow::cli
