# SPDX-License-Identifier: Apache-2.0
"""Dumps outlive the store's absence and the daemon's death."""

import unittest

from lab import wait_until
from scene import Scene


class Recovery(Scene):
    def test_no_dump_is_lost(self):
        self.watch("vm")
        guest = self.boot()
        with self.subTest("store down during the capture and back later"):
            described = self.describe(guest)
            self.store.stop()
            captured = self.cli.json("capture", "vm")["dump_id"]
            self.store.start()
            dump = self.cli.wait_dump("vm", "OPERATOR")
            self.assertEqual(dump["manifest"]["dump_id"], captured)
            self.judge(dump, guest, described)
        with self.subTest("store down during a crash, daemon killed before it could upload"):
            described = self.describe(guest)
            self.store.stop()
            guest.send("panic")
            guest.qmp.wait_event("GUEST_PANICKED")
            panicked = self.wait_spooled()
            self.daemon.kill()
            self.daemon.start()
            self.store.start()
            dump = self.cli.wait_dump("vm", "PANIC")
            self.assertEqual(dump["manifest"]["dump_id"], panicked)
            self.judge(dump, guest, described)
            self.assertEqual(len(self.cli.dumps()), 2)

    def wait_spooled(self):
        """The id of the dump that the daemon holds for the panicked guest."""
        spool = self.daemon.spool_path
        entry = wait_until(lambda: next(spool.glob("*.entry"), None), "dump in the spool")
        return entry.stem


if __name__ == "__main__":
    unittest.main()
