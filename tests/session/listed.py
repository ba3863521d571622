# SPDX-License-Identifier: Apache-2.0
"""The differences that are known, each with its reason. Everything else must be equal."""

import dataclasses
import difflib
import re
from collections.abc import Callable


def changed(full, marrow):
    """The lines that only one of both has."""
    diff = difflib.unified_diff(full, marrow, lineterm="", n=0)
    return [line[1:] for line in diff if not line.startswith(("---", "+++", "@@"))]


@dataclasses.dataclass(frozen=True)
class Listed:
    """A difference that is no failure. Regular expressions match whole names."""

    commands: str
    cases: str
    reason: str  # for the reader of docs/debugger-support.md
    lines: str = ""  # if given, each line that differs must contain a match
    trim: Callable | None = None  # if given, what it leaves of both must be equal

    def covers(self, case_name, command):
        return re.fullmatch(self.commands, command) and re.fullmatch(self.cases, case_name)

    def explains(self, full, marrow):
        if self.trim:
            return self.trim(full) == self.trim(marrow)
        different = changed(full, marrow)
        return bool(different) and all(re.search(self.lines, line) for line in different)


def frames_that_are_known(lines):
    """drgn's stack traces without what follows an address that it knows no function for."""
    result = []
    guessed = False
    for line in lines:
        guessed = guessed and line.startswith("#")
        if not guessed:
            result.append(line)
        guessed = guessed or re.match(r"#\d+ +0x[0-9a-f]+$", line) is not None
    return result


KILLED = "killed.*"
NO_REGISTERS = "the registers died with the VMM"

LISTED = (
    Listed(
        "gdb: thread apply all -ascending bt",
        ".*",
        "gdb prints the texts that arguments point to; constant texts of the kernel are not kept",
        lines=r'=0x[0-9a-f]+ "|=0x[0-9a-f]+ <error: Cannot access memory',
    ),
    Listed(
        "drgn: stack traces",
        ".*",
        "below an address without a function (a module's without its debugging information, or the"
        " stale one of a task that ran), drgn takes any word for a frame pointer, and follows it"
        " through memory that is not kept",
        trim=frames_that_are_known,
    ),
    Listed("crash: (bt -a|foreach bt)", KILLED, f"{NO_REGISTERS}: tasks that ran have no backtrace"),
    Listed("gdb: .*", KILLED, f"{NO_REGISTERS}: gdb sees no vCPU"),
    Listed("drgn: stack traces", KILLED, f"{NO_REGISTERS}: tasks that ran have no stack trace"),
)

# Not asked at all, and said so in the documentation.
LEFT_OUT = (
    ("crash: kmem -i", "reads the whole of mem_map, 16 MiB for each GiB of RAM"),
)
