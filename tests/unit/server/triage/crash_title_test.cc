// SPDX-License-Identifier: Apache-2.0
#include "server/triage/crash_title.h"

#include <gtest/gtest.h>

#include <vector>

namespace marrow {
namespace {

std::string TitleOf(const std::vector<std::string>& texts) {
  KernelLog log;
  for (const std::string& text : texts) log.records.push_back({0, 0, text});
  return CrashTitle(log);
}

TEST(CrashTitle, IsTheLineThatNamesTheCrash) {
  struct Case {
    std::vector<std::string> log;
    std::string title;
  };
  const Case cases[] = {
      {{}, ""},
      {{"Linux version 6.1.0", "Freeing unused kernel image"}, ""},
      {{"sysrq: Trigger a crash", "Kernel panic - not syncing: sysrq triggered crash", "CPU: 1"},
       "Kernel panic - not syncing: sysrq triggered crash"},
      {{"BUG: kernel NULL pointer dereference, address: 0000000000000008",
        "#PF: supervisor write access in kernel mode", "Oops: 0002 [#1] PREEMPT SMP NOPTI",
        "Kernel panic - not syncing: Fatal exception"},
       "BUG: kernel NULL pointer dereference, address: 0000000000000008"},
      {{"------------[ cut here ]------------", "kernel BUG at mm/slub.c:379!",
        "invalid opcode: 0000 [#1] SMP", "Kernel panic - not syncing: Fatal exception"},
       "kernel BUG at mm/slub.c:379!"},
      {{"general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP"},
       "general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP"},
      {{"Oops: general protection fault, maybe for address 0x0: 0000 [#1]"},
       "Oops: general protection fault, maybe for address 0x0: 0000 [#1]"},
      {{"Unable to handle kernel NULL pointer dereference at virtual address 0",
        "Internal error: Oops: 96000004 [#1]"},
       "Unable to handle kernel NULL pointer dereference at virtual address 0"},
  };
  for (const Case& test : cases) EXPECT_EQ(TitleOf(test.log), test.title);
}

TEST(CrashTitle, IsThePanicWhenItComesBeforeAnOops) {
  EXPECT_EQ(TitleOf({"Kernel panic - not syncing: VFS: Unable to mount root fs",
                     "BUG: unable to handle page fault for address: 0"}),
            "Kernel panic - not syncing: VFS: Unable to mount root fs");
}

TEST(CrashTitle, IsTheReportThatThePanicRestsOn) {
  EXPECT_EQ(TitleOf({"watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [sh:1]",
                     "Kernel panic - not syncing: softlockup: hung tasks"}),
            "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [sh:1]");
  EXPECT_EQ(TitleOf({"WARNING: CPU: 0 PID: 1 at first", "WARNING: CPU: 1 PID: 9 at second",
                     "Kernel panic - not syncing: panic_on_warn set ..."}),
            "WARNING: CPU: 1 PID: 9 at second");
  EXPECT_EQ(TitleOf({"INFO: task sh:1 blocked for more than 120 seconds.",
                     "Kernel panic - not syncing: hung_task: blocked tasks"}),
            "INFO: task sh:1 blocked for more than 120 seconds.");
}

TEST(CrashTitle, IsNotAnOldReportThatThePanicDoesNotRestOn) {
  EXPECT_EQ(TitleOf({"WARNING: CPU: 0 PID: 1 at boot", "watchdog: BUG: soft lockup - CPU#0",
                     "Kernel panic - not syncing: sysrq triggered crash"}),
            "Kernel panic - not syncing: sysrq triggered crash");
}

TEST(CrashTitle, IsTheLatestSymptomOfAMachineThatDidNotPanic) {
  EXPECT_EQ(TitleOf({"INFO: task sh:1 blocked for more than 120 seconds.", "WARNING: CPU: 0",
                     "watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [a:2]", "other"}),
            "watchdog: BUG: soft lockup - CPU#1 stuck for 23s! [a:2]");
}

TEST(CrashTitle, IsNotAFaultOfAUserProgram) {
  EXPECT_EQ(TitleOf({"traps: prog[12] general protection fault ip:401000 sp:7ffc error:0",
                     "prog[13]: segfault at 0 ip 0 sp 0 error 14"}),
            "");
}

TEST(CrashTitle, FindsTheLineInsideARecord) {
  EXPECT_EQ(TitleOf({"first line\nkernel BUG at a.c:1!\nthird"}), "kernel BUG at a.c:1!");
}

TEST(CrashTitle, IsPrintableAndShort) {
  EXPECT_EQ(TitleOf({"Oops: \x1b[31m"}), "Oops: \\x1b[31m");
  EXPECT_EQ(TitleOf({"Oops" + std::string(500, '.')}), "Oops" + std::string(196, '.'));
}

}  // namespace
}  // namespace marrow
