# SPDX-License-Identifier: Apache-2.0
"""A guest that never heard of Marrow: its panic gives a small core with log, tasks and stacks."""

import unittest

import debuggers
from guest import Guest, Machine, kernel
from scene import Scene

PANIC = "Kernel panic - not syncing: sysrq triggered crash"


class NoAgent(Scene):
    def panic(self, **machine):
        """Boots a guest without an agent and lets it panic; returns its dump, guest and core."""
        self.watch("vm")
        machine = Machine(append="marrow.agent=off", **machine)
        guest = Guest(self.lab, "vm", machine).wait_ready()
        self.cli.wait_attached("vm")
        described = self.describe(guest)
        guest.send("panic")
        dump = self.cli.wait_dump("vm", "PANIC")
        self.assertEqual(dump["manifest"].get("table_source"), "TABLE_SOURCE_DERIVED")
        why = {part["what"]: part.get("why", "") for part in dump["manifest"]["missing"]}
        self.assertIn("derived from VMCOREINFO", why["region table of an agent"])
        return guest, self.judge(dump, guest, described, expected=[PANIC])

    def test_gives_what_the_full_core_gives(self):
        guest, core = self.panic()
        full = guest.full_core(self.lab.path("full.core"), paging=False)
        vmlinux = kernel() / "vmlinux"
        for commands in (["log"], ["bt"]):
            self.assertEqual(
                debuggers.crash(vmlinux, core, *commands), debuggers.crash(vmlinux, full, *commands)
            )
        paging = guest.full_core(self.lab.path("paging.core"), paging=True)
        tasks = debuggers.drgn_tasks(vmlinux, core)
        self.assertEqual(tasks, debuggers.drgn_tasks(vmlinux, paging))
        self.assertIn([1, "init"], tasks)

    def test_needs_no_vmcoreinfo_device(self):
        self.panic(vmcoreinfo_device=False, window_bytes=0)


if __name__ == "__main__":
    unittest.main()
