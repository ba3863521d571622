# SPDX-License-Identifier: Apache-2.0
"""A VMM that cannot go on with its guest. Only KVM has such errors, so this needs /dev/kvm."""

import os
import unittest

from guest import BUILD, QEMU
from qmp import Qmp
from scene import Scene

HOLE = 0xE0000000


@unittest.skipUnless(os.access("/dev/kvm", os.R_OK | os.W_OK), "needs /dev/kvm: KVM internal error")
class InternalError(Scene):
    def test_captures_registers_and_says_what_is_missing(self):
        self.watch("vm")
        arguments = [QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-S"]
        arguments += ["-machine", "q35,accel=kvm,memory-backend=ram", "-m", "64M"]
        arguments += ["-object", "memory-backend-memfd,id=ram,size=64M,share=on"]
        arguments += ["-kernel", BUILD / "guests/jump-into-hole"]
        for path in ("vm.qmp", "vm.test-qmp"):
            arguments += ["-qmp", f"unix:{self.lab.path(path)},server=on,wait=off"]
        process = self.lab.start("vm-qemu", arguments)
        qmp = Qmp(self.lab.path("vm.test-qmp"), unless=process.why_dead)
        self.cli.wait_attached("vm")
        qmp.command("cont")

        manifest = self.cli.wait_dump("vm", "VMM_ERROR")["manifest"]
        self.assertEqual(qmp.command("query-status")["status"], "internal-error")
        self.assertIn("internal-error", manifest["trigger_detail"])
        self.assertEqual([int(vcpu["ip"]) for vcpu in manifest["vcpus"]], [HOLE])
        missing = {part["what"]: part["why"] for part in manifest["missing"]}
        self.assertIn("no guest has attached", missing["region table at the trigger"])


if __name__ == "__main__":
    unittest.main()
