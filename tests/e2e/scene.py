# SPDX-License-Identifier: Apache-2.0
"""What every end-to-end test sets up (store, daemon, guests) and how it judges a dump."""

import concurrent.futures
import re
import sys
import unittest

import debuggers
from elf import Core
from guest import Guest, Machine, kernel
from lab import Lab
from marrow import Cli, Daemon, Store


def log_lines(text):
    """The texts of a kernel log; consoles and debuggers write the times differently."""
    lines = (re.sub(r"^\[ *\d+\.\d+\] ?", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line]


class Scene(unittest.TestCase):
    """A test case with a laboratory of its own. A test that fails shows the ends of all logs."""

    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self._close)
        self._logs = ""
        self.store = None
        self.daemon = None
        self.cli = None

    def watch(self, *vms):
        """Starts a store and a daemon; a VM is a name or a dictionary for the daemon's config."""
        self.store = Store(self.lab)
        configs = [{"name": vm} if isinstance(vm, str) else vm for vm in vms]
        self.daemon = Daemon(self.lab, self.store.address, configs)
        self.cli = Cli(self.store.address, self.daemon.control_path)

    def boot(self, name="vm", **machine):
        """A guest that takes commands and whose regions the daemon knows."""
        guest = Guest(self.lab, name, Machine(**machine)).wait_ready()
        self.cli.wait_watched(name)
        return guest

    def describe(self, guest):
        """The kernel in its own words, to be asked while it lives."""
        status, output = guest.shell("uname -r; uname -v; cat /proc/version")
        self.assertEqual(status, 0, output)
        release, version, banner = output.splitlines()
        return debuggers.Kernel(release, version, guest.console(), banner)

    def judge(self, dump, guest, described, expected=()):
        """Holds the dump against the guest's own words.

        described is describe() from before the trigger; expected are lines that the guest must have
        logged since. Returns the path of the fetched core.
        """
        dump_id = dump["manifest"]["dump_id"]
        core = self.lab.path(f"{dump_id}.core")
        self.cli.text("dumps", "fetch", dump_id, "--output", core)
        self.assertEqual(core.stat().st_size, int(dump["core_bytes"]))
        self.assertEqual(debuggers.readelf_complaints(core), [])

        by_crash, by_drgn, by_gdb = self.ask_debuggers(core)
        for kernel_seen in (by_drgn, by_gdb):
            self.assertEqual(kernel_seen.release, described.release)
            self.assertEqual(kernel_seen.version, described.version)
        self.assertEqual(by_gdb.banner, described.banner)

        log = log_lines(by_drgn.log)
        self.assertEqual(log_lines(by_crash), log)
        self.assertEqual(log_lines(self.cli.text("dumps", "log", dump_id)), log)
        self.check_log(log, guest, described, expected)
        self.check_memory(dump_id, core)
        return core

    def ask_debuggers(self, core):
        """All three at once: each spends its time on reading vmlinux."""
        questions = (debuggers.crash_log, debuggers.drgn, debuggers.gdb)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            return list(pool.map(lambda ask: ask(kernel() / "vmlinux", core), questions))

    def check_log(self, log, guest, described, expected):
        """The log begins with all that stood on the console before, and never departs from it."""
        before = log_lines(described.log)
        self.assertEqual(log[: len(before)], before)
        console = log_lines(guest.console())
        common = min(len(log), len(console))
        self.assertEqual(log[:common], console[:common])
        for line in expected:
            self.assertIn(line, log)

    def check_memory(self, dump_id, core_path):
        """ReadMemory gives the core's bytes, by physical and by virtual address."""
        with Core(core_path) as core:
            info = core.vmcoreinfo()
            uts = int(info["SYMBOL(init_uts_ns)"], 16)
            pages = [segment for segment in core.loads() if segment.filesz >= 4096]
            for segment in pages[:: max(1, len(pages) // 4)]:
                stored = self.read_memory(dump_id, "--gpa", segment.paddr, 4096)
                self.assertEqual(stored, core.read(segment.paddr, 4096))
            stored = self.read_memory(dump_id, "--gva", uts, 390)
            self.assertEqual(stored, core.read(uts, 390, by="vaddr"))

    def read_memory(self, dump_id, flag, address, length):
        return self.cli.raw(
            "dumps", "read", dump_id, flag, f"{address:#x}", "--length", length, "--raw"
        )

    def run(self, result=None):
        result = result or self.defaultTestResult()
        bad = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > bad:
            print(self._logs, file=sys.stderr)
        return result

    def _close(self):
        self._logs = self.lab.logs()
        self.lab.close()
