# SPDX-License-Identifier: Apache-2.0
"""Unmodified debuggers, asked about a core. Each returns what the debugger said; none judges it."""

import dataclasses
import json
import os
import re
import tempfile

from elf import Core
from lab import run

DRGN = "/usr/bin/drgn"  # Debian's, however many Pythons there are

DRGN_SCRIPT = """
import json
from drgn.helpers.linux.printk import get_dmesg
uts = prog["init_uts_ns"].name
print(json.dumps({
    "release": uts.release.string_().decode(),
    "version": uts.version.string_().decode(),
    "log": get_dmesg(prog).decode(errors="backslashreplace"),
}))
"""

DRGN_TASKS_SCRIPT = """
import json
from drgn.helpers.linux.pid import for_each_task
tasks = [[task.pid.value_(), task.comm.string_().decode()] for task in for_each_task(prog)]
print(json.dumps(sorted(tasks)))
"""


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A kernel as a debugger describes it from a core."""

    release: str  # "6.1.0-56-amd64"
    version: str  # "#1 SMP PREEMPT_DYNAMIC Debian ..."
    log: str = ""  # as dmesg prints it
    banner: str = ""  # linux_banner


def _environment(home):
    """No start-up files of whoever runs the tests."""
    return {**os.environ, "HOME": home, "LC_ALL": "C.UTF-8", "DEBUGINFOD_URLS": ""}


def crash(vmlinux, core, *commands, minimal=False):
    """The output of crash's commands, without its start-up text."""
    arguments = ["crash", "-s", *(["--minimal"] if minimal else []), vmlinux, core]
    script = "".join(f"{command}\n" for command in commands) + "quit\n"
    with tempfile.TemporaryDirectory() as home:
        return run(arguments, input=script, env=_environment(home)).stdout


def crash_log(vmlinux, core):
    """The kernel log by `crash --minimal`, without what it says of itself before."""
    output = crash(vmlinux, core, "log", minimal=True)
    first = re.search(r"^\[", output, re.M)
    return output[first.start() :] if first else output


def _run_drgn(vmlinux, core, text):
    """What a script for drgn prints as JSON."""
    with tempfile.TemporaryDirectory() as home:
        script = os.path.join(home, "script.py")
        with open(script, "w", encoding="ascii") as file:
            file.write(text)
        arguments = [DRGN, "-q", "-c", core, "-s", vmlinux, script]
        return json.loads(run(arguments, env=_environment(home)).stdout)


def drgn(vmlinux, core):
    """A Kernel without banner."""
    return Kernel(**_run_drgn(vmlinux, core, DRGN_SCRIPT))


def drgn_tasks(vmlinux, core):
    """[pid, comm] of every task, sorted."""
    return _run_drgn(vmlinux, core, DRGN_TASKS_SCRIPT)


def gdb(vmlinux, core):
    """A Kernel without log. gdb knows nothing of KASLR: it is told the offset that the core names."""
    with Core(core) as opened:
        offset = int(opened.vmcoreinfo()["KERNELOFFSET"], 16)
    queries = {
        "release": "init_uts_ns.name.release",
        "version": "init_uts_ns.name.version",
        "banner": "(char *)&linux_banner",
    }
    arguments = ["gdb", "-nx", "-batch", "-ex", "set print elements 0"]
    arguments += ["-ex", f"core-file {core}", "-ex", f"symbol-file -o {offset:#x} {vmlinux}"]
    for name, expression in queries.items():
        arguments += ["-ex", f'printf "\\n{name}=%s\\n", {expression}']
    with tempfile.TemporaryDirectory() as home:
        output = run(arguments, env=_environment(home)).stdout
    return Kernel(**{name: re.search(f"^{name}=(.*)", output, re.M)[1] for name in queries})


def gdb_registers(core):
    """The instruction pointer of each vCPU, by gdb's thread number."""
    arguments = ["gdb", "-nx", "-batch", "-ex", f"core-file {core}"]
    arguments += ["-ex", "thread apply all -ascending info registers rip"]
    output = run(arguments).stdout
    pairs = re.findall(r"^Thread (\d+) .*:\nrip +(0x[0-9a-f]+)", output, re.M)
    return {int(thread): int(rip, 16) for thread, rip in pairs}


def readelf_complaints(core):
    """What readelf finds wrong with the headers and notes of a core: nothing, when all is well."""
    arguments = ["readelf", "--headers", "--notes", "--wide", core]
    result = run(arguments, env={**os.environ, "LC_ALL": "C"})
    lines = (result.stdout + result.stderr).splitlines()
    return [line for line in lines if re.search("warning|error|corrupt|invalid", line, re.I)]
