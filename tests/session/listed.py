# SPDX-License-Identifier: Apache-2.0
"""The differences that are known, each with its reason. Everything else must be equal."""

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Listed:
    """A difference that is no failure. Regular expressions match whole names."""

    commands: str
    cases: str
    reason: str  # for the reader of docs/debugger-support.md
    lines: str = ""  # if given, each line that differs must contain a match

    def covers(self, case_name, command):
        return re.fullmatch(self.commands, command) and re.fullmatch(self.cases, case_name)

    def explains(self, changed_lines):
        return bool(changed_lines) and all(re.search(self.lines, line) for line in changed_lines)


KILLED = "killed.*"
NO_REGISTERS = "the registers died with the VMM"

# A frame without source: drgn guesses frame pointers where it knows no unwind data.
GUESSED_FRAME = r"^#\d+ +(\?\?\?|0x[0-9a-f]+|\S+\+0x[0-9a-f]+/0x[0-9a-f]+)$"

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
        "below a function of a module, drgn without that module's debugging information follows words"
        " that are no frames, through memory that is not kept",
        lines=GUESSED_FRAME,
    ),
    Listed("crash: (bt -a|foreach bt)", KILLED, f"{NO_REGISTERS}: tasks that ran have no backtrace"),
    Listed("gdb: .*", KILLED, f"{NO_REGISTERS}: gdb sees no vCPU"),
    Listed("drgn: stack traces", KILLED, f"{NO_REGISTERS}: tasks that ran have no stack trace"),
)

# Not asked at all, and said so in the documentation.
LEFT_OUT = (
    ("crash: kmem -i", "reads the whole of mem_map, 16 MiB for each GiB of RAM"),
)
