// SPDX-License-Identifier: Apache-2.0
#include "server/service/watch_hub.h"

#include <utility>
#include <vector>

namespace marrow {

void WatchHub::Subscribe(std::shared_ptr<Watcher> watcher) {
  const std::lock_guard lock(mutex_);
  watchers_.insert(std::move(watcher));
}

void WatchHub::Unsubscribe(const std::shared_ptr<Watcher>& watcher) {
  const std::lock_guard lock(mutex_);
  watchers_.erase(watcher);
}

void WatchHub::Publish(const std::shared_ptr<const v1::Dump>& dump) {
  const std::lock_guard order(publish_mutex_);
  std::vector<std::shared_ptr<Watcher>> watchers;
  {
    const std::lock_guard lock(mutex_);
    watchers.assign(watchers_.begin(), watchers_.end());
  }
  for (const auto& watcher : watchers) watcher->Offer(dump);
}

}  // namespace marrow
