# SPDX-License-Identifier: Apache-2.0
"""What becomes of a VM once its memory is copied, and which reboots are no crash."""

import unittest

from lab import wait_until
from scene import Scene

READY = "marrow-guest: ready"
# QEMU resets the guest as a machine does, and stops it for nothing but a panic.
LIKE_A_MACHINE = "panic=pause,watchdog=pause,reboot=reset,shutdown=poweroff"


class Policies(Scene):
    def wait_boots(self, guest, count):
        wait_until(
            lambda: guest.console().count(READY) >= count,
            f"boot {count} of {guest.name}",
            120.0,
            unless=guest.process.why_dead,
        )

    def test_resets_a_panicked_guest_and_a_held_one(self):
        """Under reboot=shutdown, where QEMU turns every reset into a stop."""
        self.watch({"name": "vm", "after": "reset"})
        guest = self.boot()
        guest.send("panic")
        self.cli.wait_dump("vm", "PANIC")
        self.wait_boots(guest, 2)
        self.assertEqual(guest.status(), "running")
        self.cli.wait_watched("vm")
        guest.send("hard-reset")
        self.cli.wait_dump("vm", "RESET")
        self.wait_boots(guest, 3)
        self.assertEqual(guest.status(), "running")
        self.cli.wait_watched("vm")
        self.assertEqual(len(self.cli.dumps()), 2)

    def test_takes_an_orderly_reboot_for_no_crash(self):
        self.watch("vm")
        guest = self.boot(actions=LIKE_A_MACHINE)
        guest.send("orderly-reboot")
        self.wait_boots(guest, 2)
        self.cli.wait_watched("vm")
        self.assertEqual(self.cli.dumps(), [])
        with self.subTest("a reset without notice is a crash, once"):
            guest.send("hard-reset")
            dump = self.cli.wait_dump("vm", "RESET")
            self.assertEqual(dump["manifest"]["register_source"], "REGISTER_SOURCE_NONE")
            self.wait_boots(guest, 3)
            self.cli.wait_watched("vm")
            self.assertEqual(len(self.cli.dumps()), 1)

    def test_destroys_a_panicked_guest(self):
        self.watch({"name": "vm", "after": "destroy"})
        guest = self.boot()
        guest.send("panic")
        self.cli.wait_dump("vm", "PANIC")
        self.assertEqual(guest.process.wait(), 0)
        self.assertEqual(len(self.cli.dumps()), 1)
        with self.subTest("the next VMM at the same socket is watched again"):
            self.boot().send("panic")
            wait_until(lambda: len(self.cli.dumps()) == 2, "dump of the second VMM")


if __name__ == "__main__":
    unittest.main()
