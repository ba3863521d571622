// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "server/query/filter.h"

namespace marrow {
namespace {

v1::Dump ADump() {
  v1::Dump dump;
  dump.set_name("dumps/01j");
  dump.set_state(v1::DUMP_STATE_PARTIAL);
  dump.set_title("Kernel panic - not syncing: sysrq triggered crash");
  dump.mutable_receive_time()->set_seconds(1'800'000'010);
  v1::Manifest& manifest = *dump.mutable_manifest();
  manifest.mutable_vm()->set_name("web1");
  (*manifest.mutable_vm()->mutable_labels())["env"] = "prod";
  manifest.mutable_host()->set_name("kvm7");
  manifest.set_trigger(v1::TRIGGER_PANIC);
  manifest.mutable_kernel()->set_release("6.1.0-42-amd64");
  manifest.mutable_kernel()->set_build_id("abcdef");
  manifest.mutable_capture_time()->set_seconds(1'800'000'000);  // 2027-01-15T08:00:00Z
  manifest.mutable_capture_time()->set_nanos(500'000'000);
  return dump;
}

TEST(MatchesFilter, ComparesEveryFieldByEveryOperator) {
  struct Case {
    const char* filter;
    bool matches;
  };
  const Case cases[] = {
      {"", true},
      {"vm=web1", true},
      {"vm=web", false},
      {"vm=WEB1", false},
      {"vm!=web1", false},
      {"vm!=web2", true},
      {"vm<web2", true},
      {"vm<web1", false},
      {"vm<=web1", true},
      {"vm>web0", true},
      {"vm>web1", false},
      {"vm>=web1", true},
      {"vm:eb", true},
      {"vm:x", false},
      {"host=kvm7", true},
      {"trigger=PANIC", true},
      {"trigger=WATCHDOG", false},
      {"trigger!=WATCHDOG", true},
      {"kernel_release:6.1.", true},
      {"build_id=abcdef", true},
      {"state=PARTIAL", true},
      {"state=COMPLETE", false},
      {"title:sysrq", true},
      {"title:Sysrq", false},
      {"capture_time=2027-01-15T08:00:00.5Z", true},
      {"capture_time!=2027-01-15T08:00:00.5Z", false},
      {"capture_time>2027-01-15T08:00:00Z", true},
      {"capture_time<2027-01-15T08:00:00.5Z", false},
      {"capture_time<=2027-01-15T10:00:00.5+02:00", true},
      {"receive_time>=2027-01-15T08:00:10Z", true},
      {"receive_time>2027-01-15T08:00:10Z", false},
      {"labels.env=prod", true},
      {"labels.env!=prod", false},
      {"labels.env:ro", true},
      {"labels:env", true},
      {"labels:tier", false},
      {"labels.tier=1", false},
      {"labels.tier!=1", false},
      {"NOT labels.tier=1", true},
      {"vm=web1 AND host=x", false},
      {"vm=web1 host=kvm7", true},
      {"vm=x OR host=kvm7", true},
      {"vm=x OR host=y", false},
      {"vm=x AND host=y OR vm=web1", false},
      {"(vm=x AND host=y) OR vm=web1", true},
      {"NOT (vm=web1 AND host=kvm7)", false},
      {"NOT (vm=web1 AND host=y)", true},
  };
  const v1::Dump dump = ADump();
  for (const Case& test : cases) {
    const auto filter = ParseFilter(test.filter);
    ASSERT_TRUE(filter.ok()) << filter.status();
    EXPECT_EQ(Matches(*filter, dump), test.matches) << test.filter;
  }
}

TEST(MatchesFilter, TakesADumpWithNothingInIt) {
  const auto filter = ParseFilter("capture_time<1970-01-01T00:00:01Z vm=\"\" -trigger=PANIC");
  ASSERT_TRUE(filter.ok()) << filter.status();
  EXPECT_TRUE(Matches(*filter, v1::Dump()));
}

}  // namespace
}  // namespace marrow
