// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <set>

#include "marrow/v1/dump.pb.h"

namespace marrow {

// Wants to hear of new dumps.
class Watcher {
 public:
  virtual ~Watcher() = default;
  // Must not block. Called from any thread, one at a time for each hub.
  virtual void Offer(const std::shared_ptr<const v1::Dump>& dump) = 0;
};

// Tells watchers of committed dumps, in the order of Publish. Thread-safe.
class WatchHub {
 public:
  void Subscribe(std::shared_ptr<Watcher> watcher);
  // An Offer under way may still reach the watcher after this returns.
  void Unsubscribe(const std::shared_ptr<Watcher>& watcher);
  void Publish(const std::shared_ptr<const v1::Dump>& dump);

 private:
  std::mutex publish_mutex_;  // taken before mutex_
  std::mutex mutex_;
  std::set<std::shared_ptr<Watcher>> watchers_;
};

}  // namespace marrow
