// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "vmm_backend/daemon/uploader.h"

namespace marrow {

// Keeps what the uploader tells. Thread-safe.
class RecordingListener final : public UploadListener {
 public:
  struct Events {
    std::vector<std::string> acknowledged;
    std::vector<absl::Status> failures;
    std::vector<absl::Duration> waits;
    std::vector<std::string> quarantined;
    absl::Status why_quarantined;
  };

  void Acknowledged(const SpoolEntry& entry, const v1::Dump& /*dump*/) override {
    Change([&](Events& events) { events.acknowledged.push_back(entry.id); });
  }
  void Failed(const std::string& /*id*/, const absl::Status& why, absl::Duration wait) override {
    Change([&](Events& events) {
      events.failures.push_back(why);
      events.waits.push_back(wait);
    });
  }
  void Quarantined(const std::string& id, const absl::Status& why,
                   const absl::Status& /*moved*/) override {
    Change([&](Events& events) {
      events.quarantined.push_back(id);
      events.why_quarantined = why;
    });
  }

  // Waits, at most half a minute, until `enough` holds; false if it does not.
  bool WaitFor(const std::function<bool(const Events&)>& enough) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return enough(events_); });
  }
  bool WaitForAcknowledged(std::size_t count) {
    return WaitFor([count](const Events& events) { return events.acknowledged.size() >= count; });
  }
  Events events() {
    const std::lock_guard lock(mutex_);
    return events_;
  }

 private:
  void Change(const std::function<void(Events&)>& change) {
    const std::lock_guard lock(mutex_);
    change(events_);
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  Events events_;
};

}  // namespace marrow
