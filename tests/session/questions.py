# SPDX-License-Identifier: Apache-2.0
"""The commands that are run on both cores, and what each printed. Nothing here judges.

A debugger runs once per core, with all its commands in one process. What it prints between two
marks is the output of a command, error messages in their place among it.
"""

import os
import pathlib
import subprocess
import tempfile

from debuggers import DRGN
from elf import Core

MARK = "@@@@ "
START = "(start)"
SESSION_SECONDS = 600

CRASH_COMMANDS = (
    "sys",
    "log",
    "ps",
    "bt -a",
    "foreach bt",
    "mod",
    "runq",
    "mach",
    "irq",
    "timer",
    "dev",
    "net",
    "mount",
    "files",
    "vm",
)

GDB_COMMANDS = (
    "thread apply all -ascending info registers rip",
    "thread apply all -ascending bt",
)

DRGN_SCRIPT = pathlib.Path(__file__).with_name("drgn_questions.py")
DRGN_COMMANDS = ("tasks", "stack traces", "modules", "dmesg", "mounts")

COMMANDS = (
    *(f"crash: {command}" for command in (START, *CRASH_COMMANDS)),
    *(f"drgn: {command}" for command in DRGN_COMMANDS),
    *(f"gdb: {command}" for command in GDB_COMMANDS),
)


def split(output, prefix):
    """The outputs of a debugger's commands, by "prefix: command"; none for one it did not come to."""
    section = []
    sections = {f"{prefix}: {START}": section}
    for line in output.splitlines():
        if line.startswith(MARK):
            section = sections.setdefault(f"{prefix}: {line[len(MARK) :]}", [])
        else:
            section.append(line)
    return sections


def ask(arguments, core, script=""):
    """All that a debugger says, which runs in the core's folder and knows it by its bare name.

    So both cores have the same name, and no output needs to be changed before it is compared. Nor
    does address space randomisation change what crash prints of its own stack when a command fails.
    A debugger that fails has said so, and that it failed is the last line.
    """
    arguments = ["setarch", "--addr-no-randomize", *arguments]
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home, "LC_ALL": "C.UTF-8", "DEBUGINFOD_URLS": ""}
        result = subprocess.run(
            [str(argument) for argument in arguments],
            cwd=core.parent,
            input=script,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="backslashreplace",
            env=environment,
            timeout=SESSION_SECONDS,
            check=False,
        )
    if result.returncode != 0:
        return f"{result.stdout}\n(ended with {result.returncode})\n"
    return result.stdout


def ask_crash(vmlinux, core, *options):
    lines = [line for command in CRASH_COMMANDS for line in (f"!echo '{MARK}{command}'", command)]
    script = "\n".join([*lines, "quit", ""])
    return split(ask(["crash", "-s", *options, vmlinux, core.name], core, script), "crash")


def ask_drgn(vmlinux, core):
    output = ask([DRGN, "-q", "-c", core.name, "-s", vmlinux, DRGN_SCRIPT, MARK], core)
    return split(output, "drgn")


def ask_gdb(vmlinux, core):
    """gdb knows nothing of KASLR: it is told the offset that the core names."""
    with Core(core) as opened:
        offset = int(opened.vmcoreinfo()["KERNELOFFSET"], 16)
    arguments = ["gdb", "-nx", "-batch", "-ex", "set width 0", "-ex", "set height 0"]
    arguments += ["-ex", f"core-file {core.name}", "-ex", f"symbol-file -o {offset:#x} {vmlinux}"]
    for command in GDB_COMMANDS:
        arguments += ["-ex", f"echo {MARK}{command}\\n", "-ex", command]
    return split(ask(arguments, core), "gdb")
