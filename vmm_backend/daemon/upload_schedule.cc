// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/upload_schedule.h"

#include <algorithm>

namespace marrow {

absl::Duration Backoff::Delay(int failures, double uniform) const {
  absl::Duration limit = initial;
  for (int i = 1; i < failures && limit < max; ++i) limit *= 2;
  return std::min(limit, max) * uniform;
}

UploadSchedule::Turn UploadSchedule::Next(const std::vector<std::string>& pending,
                                          MonotonicTime now) {
  Turn turn{"", absl::InfiniteDuration()};
  int fewest_failures = 0;
  for (const std::string& id : pending) {
    const auto found = histories_.find(id);
    const History history = found == histories_.end() ? History{} : found->second;
    const MonotonicTime ready = std::max(history.not_before, store_not_before_);
    if (ready > now) {
      turn.wait = std::min(turn.wait, ready - now);
    } else if (turn.id.empty() || history.failures < fewest_failures) {
      turn.id = id;
      fewest_failures = history.failures;
    }
  }
  if (!turn.id.empty()) turn.wait = absl::ZeroDuration();
  return turn;
}

void UploadSchedule::Succeeded(const std::string& id) {
  Forget(id);
  store_failures_ = 0;
  store_not_before_ = -absl::InfiniteDuration();
}

absl::Duration UploadSchedule::Failed(const std::string& id, Scope scope,
                                      std::optional<absl::Duration> retry_after,
                                      MonotonicTime now) {
  History& history = histories_[id];
  ++history.failures;
  ++store_failures_;
  if (retry_after.has_value()) {
    // Later by a random tenth, so that all hosts do not come back at once.
    const absl::Duration asked = std::min(*retry_after, options_.max_retry_delay);
    store_not_before_ = now + asked * (1 + uniform_() / 10);
    return store_not_before_ - now;
  }
  store_not_before_ = now + options_.store.Delay(store_failures_, uniform_());
  if (scope == Scope::kDump) {
    ++history.dump_failures;
    history.not_before = now + options_.dump.Delay(history.dump_failures, uniform_());
  }
  return std::max(history.not_before, store_not_before_) - now;
}

}  // namespace marrow
