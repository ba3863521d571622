# SPDX-License-Identifier: Apache-2.0
"""Marrow's own programs, as a user starts them. Names and flags are those of their --help."""

import json
import os

from guest import BUILD
from lab import run, wait_until

BIN = BUILD / "bin"


class Store:
    """A marrow-store that can be stopped and started again with the same data and address."""

    def __init__(self, lab):
        self._lab = lab
        self._starts = 0
        self.address = "127.0.0.1:0"
        self.process = None
        self.start()

    def start(self):
        self._starts += 1
        self.process = self._lab.start(
            f"store{self._starts}",
            [BIN / "marrow-store", "--data", self._lab.path("store"), "--listen", self.address],
        )
        self.address = self.process.wait_for_line("marrow-store listening on ").split()[-1]

    def stop(self):
        self.process.stop()


class Daemon:
    """A marrowd that watches some guests, which need not run yet."""

    def __init__(self, lab, store_address, vms):
        """vms: dictionaries for the config's `vms`; qmp and window follow from the name."""
        self._lab = lab
        self._starts = 0
        self.control_path = lab.path("marrowd.sock")
        self.spool_path = lab.path("spool")
        self._config_path = lab.path("marrowd.yaml")
        config = {
            "host": "lab",
            "store": {"address": store_address},
            "spool": {"directory": str(self.spool_path), "min_free": "64MiB"},
            "control": str(self.control_path),
            "vms": [
                {
                    "qmp": str(lab.path(f"{vm['name']}.qmp")),
                    "window": str(lab.path(f"{vm['name']}.window")),
                    **vm,
                }
                for vm in vms
            ],
        }
        # YAML reads JSON.
        self._config_path.write_text(json.dumps(config, indent=1))
        self.process = None
        self.start()

    def start(self):
        self._starts += 1
        self.process = self._lab.start(
            f"marrowd{self._starts}", [BIN / "marrowd", "--config", self._config_path]
        )
        self.process.wait_for_line("marrowd ready")

    def kill(self):
        self.process.kill()


class Cli:
    """The `marrow` command against one store and one host."""

    def __init__(self, store_address, control_path):
        self._prefix = [BIN / "marrow", "--store", store_address, "--control", control_path]

    def text(self, *arguments):
        return run([*self._prefix, *arguments]).stdout

    def json(self, *arguments):
        return json.loads(self.text(*arguments, "--json"))

    def raw(self, *arguments):
        """Output as bytes."""
        return run([*self._prefix, *arguments], text=False).stdout

    def crash(self, dump_id, vmlinux, home, commands):
        """The output of `marrow crash`, which fetches the dump and becomes crash --minimal."""
        arguments = [*self._prefix, "crash", dump_id, "--vmlinux", vmlinux, "--", "--minimal", "-s"]
        environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home)}
        return run(arguments, input=commands, env=environment).stdout

    def vms(self):
        """The watched VMs by name."""
        return {vm["name"]: vm for vm in self.json("vms").get("vms", [])}

    def dumps(self):
        """Every dump of the store, oldest first."""
        return self.json("dumps", "list", "--order-by", "capture_time").get("dumps", [])

    def wait_attached(self, name, seconds=60.0):
        """Returns when the daemon has found the guest's VMM."""
        watching = "VM_STATUS_WATCHING"
        wait_until(lambda: self.vms()[name]["status"] == watching, f"VMM of {name}", seconds)

    def wait_watched(self, name, seconds=60.0):
        """Returns when the guest has published its regions and its heart beats."""

        def alive():
            vm = self.vms()[name]
            return vm.get("agent_alive") and int(vm.get("heartbeats", 0)) > 0 and vm

        return wait_until(alive, f"live agent in {name}", seconds)

    def wait_dump(self, vm, trigger, seconds=60.0):
        """The newest dump of that VM and trigger ("PANIC", ...), once the store has it."""

        def found():
            matching = [
                dump
                for dump in self.dumps()
                if dump["manifest"]["vm"]["name"] == vm
                and dump["manifest"]["trigger"] == f"TRIGGER_{trigger}"
            ]
            return matching and matching[-1]

        return wait_until(found, f"{trigger} dump of {vm} in the store", seconds)
