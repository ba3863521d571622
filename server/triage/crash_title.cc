// SPDX-License-Identifier: Apache-2.0
#include "server/triage/crash_title.h"

#include <array>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "server/triage/printable.h"

namespace marrow {
namespace {

constexpr std::size_t kMaxTitleBytes = 200;

enum class Role {
  kDeath,    // header of an oops: the panic that may follow only repeats it
  kPanic,    // the panic itself
  kSymptom,  // the machine was ill: a title if nothing worse follows
  kWarning,  // harmless, unless the kernel is told to panic on it
};

// How a line starts, what that makes of it, and the words of the panic that it caused, if it did.
struct Rule {
  absl::string_view prefix;
  Role role;
  absl::string_view panic_says;
};

// The first rule that matches a line counts. Prefixes, not substrings: the kernel also reports
// faults of user programs ("traps: prog[1] general protection fault ip:...").
constexpr std::array kRules = {
    Rule{"Kernel panic - not syncing", Role::kPanic, ""},
    Rule{"BUG: unable to handle", Role::kDeath, ""},
    Rule{"BUG: kernel NULL pointer dereference", Role::kDeath, ""},
    Rule{"BUG: stack guard page was hit", Role::kDeath, ""},
    Rule{"BUG: TASK stack guard page was hit", Role::kDeath, ""},
    Rule{"kernel BUG at ", Role::kDeath, ""},
    Rule{"general protection fault", Role::kDeath, ""},
    Rule{"stack segment:", Role::kDeath, ""},
    Rule{"invalid opcode:", Role::kDeath, ""},
    Rule{"divide error:", Role::kDeath, ""},
    Rule{"int3:", Role::kDeath, ""},
    Rule{"traps: PANIC: double fault", Role::kDeath, ""},
    Rule{"PANIC: double fault", Role::kDeath, ""},
    Rule{"Oops", Role::kDeath, ""},
    Rule{"Unable to handle kernel", Role::kDeath, ""},  // arm64, riscv
    Rule{"Internal error: ", Role::kDeath, ""},         // arm64
    Rule{"watchdog: BUG: soft lockup", Role::kSymptom, "softlockup"},
    Rule{"BUG: soft lockup", Role::kSymptom, "softlockup"},
    Rule{"watchdog: Watchdog detected hard LOCKUP", Role::kSymptom, "LOCKUP"},
    Rule{"NMI watchdog: Watchdog detected hard LOCKUP", Role::kSymptom, "LOCKUP"},
    Rule{"Watchdog detected hard LOCKUP", Role::kSymptom, "LOCKUP"},
    Rule{"rcu: INFO: rcu_", Role::kSymptom, "RCU Stall"},
    Rule{"INFO: task ", Role::kSymptom, "hung_task"},
    Rule{"Out of memory: ", Role::kWarning, "Out of memory"},
    Rule{"BUG: KASAN: ", Role::kSymptom, "panic_on_warn"},
    Rule{"BUG: KFENCE: ", Role::kSymptom, "panic_on_warn"},
    Rule{"UBSAN: ", Role::kWarning, "panic_on_warn"},
    Rule{"WARNING: ", Role::kWarning, "panic_on_warn"},
    Rule{"BUG: ", Role::kSymptom, "panic_on_warn"},
};

const Rule* Classify(absl::string_view line) {
  for (const Rule& rule : kRules) {
    if (absl::StartsWith(line, rule.prefix)) return &rule;
  }
  return nullptr;
}

// Reads lines until the crash is named.
class TitleFinder {
 public:
  // True when no later line can matter.
  bool Add(absl::string_view line) {
    const Rule* rule = Classify(line);
    if (rule == nullptr) return false;
    if (rule->role == Role::kDeath || rule->role == Role::kPanic) {
      fatal_ = line;
      panicked_ = rule->role == Role::kPanic;
      return true;
    }
    latest_[static_cast<std::size_t>(rule - kRules.data())] = {line, ++found_};
    if (rule->role == Role::kSymptom) symptom_ = line;
    return false;
  }

  absl::string_view Title() const {
    if (fatal_.empty()) return symptom_;
    return panicked_ ? CauseOfPanic() : fatal_;
  }

 private:
  struct Finding {
    absl::string_view line;
    int order = 0;  // 0: none
  };

  // The latest line of those that the panic names as its cause; without one the panic itself.
  absl::string_view CauseOfPanic() const {
    Finding cause{fatal_, 0};
    for (std::size_t i = 0; i < kRules.size(); ++i) {
      const absl::string_view words = kRules[i].panic_says;
      const bool named = !words.empty() && absl::StrContains(fatal_, words);
      if (named && latest_[i].order > cause.order) cause = latest_[i];
    }
    return cause.line;
  }

  absl::string_view fatal_;
  bool panicked_ = false;
  absl::string_view symptom_;                    // the latest of them
  std::array<Finding, kRules.size()> latest_{};  // of each rule
  int found_ = 0;
};

}  // namespace

std::string CrashTitle(const KernelLog& log) {
  TitleFinder finder;
  for (const LogRecord& record : log.records) {
    bool done = false;
    for (absl::string_view line : absl::StrSplit(record.text, '\n')) {
      done = done || finder.Add(line);
    }
    if (done) break;
  }
  return std::string(Utf8Prefix(Printable(finder.Title()), kMaxTitleBytes));
}

}  // namespace marrow
