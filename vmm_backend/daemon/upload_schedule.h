// SPDX-License-Identifier: Apache-2.0
// Which dump is tried next, and when. Pure: time and randomness are arguments.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace marrow {

// Exponential backoff with full jitter: the n-th failure in a row waits a random part of
// min(max, initial * 2^(n - 1)).
struct Backoff {
  absl::Duration initial;
  absl::Duration max;

  // `uniform` is in [0, 1).
  absl::Duration Delay(int failures, double uniform) const;
};

struct ScheduleOptions {
  // Between attempts at the store, after any failure. Short, so that a store that comes back is
  // used at once.
  Backoff store{absl::Milliseconds(200), absl::Seconds(1)};
  // Between attempts at one dump that the store has failed on.
  Backoff dump{absl::Milliseconds(500), absl::Seconds(60)};
  // A store may ask for no longer a pause than this.
  absl::Duration max_retry_delay = absl::Minutes(5);
};

// Random numbers, uniform in [0, 1).
using Uniform = std::function<double()>;

// Monotonic time since any fixed moment.
using MonotonicTime = absl::Duration;

// Not thread-safe.
class UploadSchedule {
 public:
  enum class Scope {
    kStore,  // the store was not reached: the dump is not to blame
    kDump,   // the store failed on this dump
  };
  struct Turn {
    std::string id;       // "" where there is nothing to try now
    absl::Duration wait;  // until there is, as far as is known; infinite where nothing is pending
  };

  UploadSchedule(ScheduleOptions options, Uniform uniform)
      : options_(options), uniform_(std::move(uniform)) {}

  // Of the pending dumps (oldest first) that may be tried: the one with the fewest failures, and of
  // those the oldest. So a dump that always fails never blocks the others.
  Turn Next(const std::vector<std::string>& pending, MonotonicTime now);
  void Succeeded(const std::string& id);
  // The dump will not be tried again.
  void Forget(const std::string& id) { histories_.erase(id); }
  // How long the dump now waits. `retry_after` is what the store asked for; it then holds for all
  // dumps, in place of the backoff.
  absl::Duration Failed(const std::string& id, Scope scope,
                        std::optional<absl::Duration> retry_after, MonotonicTime now);

 private:
  struct History {
    int failures = 0;       // attempts, whoever was to blame
    int dump_failures = 0;  // Scope::kDump
    MonotonicTime not_before = -absl::InfiniteDuration();
  };

  const ScheduleOptions options_;
  const Uniform uniform_;
  std::map<std::string, History> histories_;  // of dumps that failed
  int store_failures_ = 0;                    // in a row
  MonotonicTime store_not_before_ = -absl::InfiniteDuration();
};

}  // namespace marrow
