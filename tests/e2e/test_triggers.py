# SPDX-License-Identifier: Apache-2.0
"""Every trigger, each with a real kernel: the dump arrives and debuggers read the guest in it."""

import unittest

import debuggers
from guest import kernel
from scene import Scene

PANIC = "Kernel panic - not syncing: sysrq triggered crash"


class OneGuest(Scene):
    def test_captures_a_living_guest_again_and_again_and_then_its_panic(self):
        self.watch("vm")
        guest = self.boot()
        with self.subTest("operator"):
            described = self.describe(guest)
            answer = self.cli.json("capture", "vm")
            dump = self.cli.wait_dump("vm", "OPERATOR")
            self.assertEqual(dump["manifest"]["dump_id"], answer["dump_id"])
            self.judge(dump, guest, described)
        with self.subTest("guest request"):
            described = self.describe(guest)
            self.assertEqual(guest.shell("request 'disk is slow'")[0], 0)
            dump = self.cli.wait_dump("vm", "GUEST_REQUEST")
            self.assertIn("disk is slow", dump["manifest"]["trigger_detail"])
            self.judge(dump, guest, described)
        with self.subTest("heartbeat lost: the agent is stopped"):
            described = self.describe(guest)
            guest.shell("freeze-agent")
            self.judge(self.cli.wait_dump("vm", "HEARTBEAT_LOST"), guest, described)
        self.assertEqual(guest.status(), "running")
        with self.subTest("panic"):
            described = self.describe(guest)
            guest.send("panic")
            dump = self.cli.wait_dump("vm", "PANIC")
            core = self.judge(dump, guest, described, expected=[PANIC])
            self.assertEqual(dump["title"], PANIC)
            self.compare_with_full_core(core, guest)
            by_cli = self.cli.crash(
                dump["manifest"]["dump_id"], kernel() / "vmlinux", self.lab.folder, "log\nquit\n"
            )
            self.assertIn(debuggers.crash_log(kernel() / "vmlinux", core).strip(), by_cli)

    def compare_with_full_core(self, core, guest):
        """The same stopped guest, dumped whole by QEMU, says the same."""
        full = guest.full_core(self.lab.path("full.core"), paging=False)
        vmlinux = kernel() / "vmlinux"
        self.assertEqual(debuggers.crash_log(vmlinux, core), debuggers.crash_log(vmlinux, full))
        self.assertEqual(debuggers.gdb_registers(core), debuggers.gdb_registers(full))

    def test_captures_on_watchdog(self):
        self.capture_once("starve-watchdog", "WATCHDOG")

    def test_captures_on_reset(self):
        self.capture_once("hard-reset", "RESET")

    def test_captures_on_triple_fault(self):
        self.capture_once("triple-fault", "RESET")

    def test_captures_a_guest_that_hangs(self):
        self.capture_once("hang", "HEARTBEAT_LOST")

    def test_captures_before_the_crash_kernel_runs(self):
        dump, guest = self.capture_once(
            "crash-loaded",
            "CRASH_LOADED",
            expected=[PANIC],
            crash_kernel=True,
            append="crashkernel=128M crash_kexec_post_notifiers",
        )
        self.assertEqual(dump["manifest"].get("register_source"), "REGISTER_SOURCE_RUNNING")
        self.assertEqual(guest.status(), "running")

    def test_captures_after_the_vmm_was_killed(self):
        self.watch("vm")
        guest = self.boot()
        described = self.describe(guest)
        guest.process.kill()
        dump = self.cli.wait_dump("vm", "VMM_DEATH")
        self.assertEqual(dump["manifest"]["register_source"], "REGISTER_SOURCE_NONE")
        self.assertIn("registers", " ".join(m["what"] for m in dump["manifest"]["missing"]))
        self.judge(dump, guest, described)

    def capture_once(self, scenario, trigger, expected=(), **machine):
        self.watch("vm")
        guest = self.boot(**machine)
        described = self.describe(guest)
        guest.send(scenario)
        dump = self.cli.wait_dump("vm", trigger)
        self.judge(dump, guest, described, expected)
        return dump, guest


if __name__ == "__main__":
    unittest.main()
