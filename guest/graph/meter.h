// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace marrow::graph {

// What a walk has spent, in steps: a word or a page looked at, an object asked for.
class Meter {
 public:
  Meter(std::uint64_t most_steps, std::function<bool()> out_of_time)
      : most_(most_steps), out_of_time_(std::move(out_of_time)) {
    next_check_ = most_ < kBetweenChecks ? most_ : kBetweenChecks;
  }

  // False once the walk is to end; why() says why.
  bool Take(std::uint64_t steps = 1) {
    used_ += steps;
    return used_ < next_check_ || Check();
  }
  void Stop(std::string why) {
    if (stopped()) return;
    why_ = std::move(why);
    next_check_ = 0;
  }
  bool stopped() const { return !why_.empty(); }
  const std::string& why() const { return why_; }

 private:
  static constexpr std::uint64_t kBetweenChecks = 4096;

  bool Check() {
    if (stopped()) return false;
    if (used_ >= most_) {
      Stop("over the limit of " + std::to_string(most_) + " steps for all roots");
    } else if (out_of_time_ && out_of_time_()) {
      Stop("over the time limit for all roots");
    } else {
      const std::uint64_t left = most_ - used_;
      next_check_ = used_ + (left < kBetweenChecks ? left : kBetweenChecks);
    }
    return !stopped();
  }

  std::uint64_t most_;
  std::function<bool()> out_of_time_;
  std::uint64_t used_ = 0;
  std::uint64_t next_check_ = 0;
  std::string why_;
};

}  // namespace marrow::graph
