# SPDX-License-Identifier: Apache-2.0
"""Two debuggers' sessions compared line by line, and what a session must contain at all. Pure."""

import dataclasses
import difflib
import enum
import re

DIFF_LINES = 40
# Kernel threads of the smallest guest, without its user space.
KERNEL_TASKS = 35
MODULE_SCENARIOS = ("null", "bug-irq", "stack-overflow", "hung-task", "soft-lockup", "irqs-off")


class Verdict(enum.Enum):
    IDENTICAL = "identical"
    LISTED = "listed"
    FAILED = "FAILED"


@dataclasses.dataclass(frozen=True)
class Finding:
    """What became of one command in one case."""

    case: str
    command: str
    verdict: Verdict
    lines: int  # that the full dump gave
    reason: str = ""  # of a listed difference
    diff: tuple = ()  # of a failure, at most DIFF_LINES


def diff_of(full, marrow):
    if full is None or marrow is None:
        side = "the full" if full is None else "Marrow's"
        return (f"the debugger ended before it came to this command on {side} dump",)
    diff = difflib.unified_diff(full, marrow, "full dump", "Marrow's dump", lineterm="", n=1)
    lines = list(diff)
    more = len(lines) - DIFF_LINES
    return tuple(lines if more <= 0 else [*lines[:DIFF_LINES], f"... and {more} lines more"])


def compare(case, command, full, marrow, listed):
    """A Finding for the lines of one command; None for a side that never came to it."""
    count = len(full or ())
    if full is not None and full == marrow:
        return Finding(case.name, command, Verdict.IDENTICAL, count)
    for entry in listed:
        if entry.covers(case.name, command) and entry.explains(full or [], marrow or []):
            return Finding(case.name, command, Verdict.LISTED, count, reason=entry.reason)
    return Finding(case.name, command, Verdict.FAILED, count, diff=diff_of(full, marrow))


def stale(listed, findings, case_names):
    """The entries that met none of the differences, though a case of theirs was among those run."""
    reasons = {finding.reason for finding in findings if finding.verdict is Verdict.LISTED}
    return [
        entry
        for entry in listed
        if entry.reason not in reasons
        and any(re.fullmatch(entry.cases, name) for name in case_names)
    ]


def expectations(case):
    """What the full dump must show, by command, so that failing alike is no success."""
    expected = {
        "crash: sys": ["KERNEL: ", "RELEASE: 6."],
        "crash: log": ["Linux version 6.", case.log],
        "crash: ps": ["swapper/0"],
        "crash: foreach bt": ["PID: 0 "],
        "crash: mod": ["qemu_fw_cfg"],
        "crash: runq": ["CPU 0 RUNQUEUE"],
        "crash: mach": ["MACHINE TYPE: x86_64"],
        "crash: irq": ['"timer"', '"acpi"'],
        "crash: timer": ["JIFFIES", "delayed_work_timer_fn"],
        "crash: dev": ["CHRDEV", "memory_fops"],
        "crash: net": ["lo     127.0.0.1"],
        "crash: mount": ["/mnt/outer/inner"],
        "crash: files": ["PID: "],
        "crash: vm": ["PID: "],
        "drgn: stack traces": ["kthread (kernel/kthread.c"],
        "drgn: modules": ["qemu_fw_cfg 0xffffffffc"],
        "drgn: dmesg": [case.log],
        "drgn: mounts": ["inner /mnt/outer/inner tmpfs"],
        "gdb: thread apply all -ascending info registers rip": [f"Thread {case.cpus} "],
        "gdb: thread apply all -ascending bt": [f"Thread {case.cpus} ", "#0 "],
    }
    if case.frame:
        expected["crash: bt -a"] = [case.frame]
    if case.scenario in MODULE_SCENARIOS:
        expected["crash: mod"].append("marrow_crash")
        expected["drgn: modules"].append("marrow_crash")
    if case.scenario == "panic":
        expected["crash: files"].append("/mnt/outer/bound/file")
    return expected


def disappointments(case, full):
    """What expectations() name and the full dump's sessions lack, as sentences."""
    result = []
    for command, texts in expectations(case).items():
        output = "\n".join(full.get(command, ()))
        result += [f"{command}: no '{text}' in the full dump" for text in texts if text not in output]
    tasks = len(full.get("drgn: tasks", ()))
    if tasks < KERNEL_TASKS + case.sleepers:
        result.append(f"drgn: tasks: only {tasks} in the full dump")
    return result


def wrong_source(case, manifest):
    """That the dump was made the way the case is about, as sentences if it was not."""
    expected = "TABLE_SOURCE_LIVE" if case.agent else "TABLE_SOURCE_DERIVED"
    source = manifest.get("table_source")
    return [] if source == expected else [f"manifest: {source}, where {expected} should be"]
