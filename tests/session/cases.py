# SPDX-License-Identifier: Apache-2.0
"""The cases: which guest dies in which way, and what a debugger must find in its full dump.

Kernels, vCPUs, RAM, tasks and ways to die are spread over the rows so that most pairs of two
properties meet in some row.
"""

import dataclasses

STOCK = "linux-image-amd64"
CLOUD = "linux-image-cloud-amd64"


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    scenario: str  # of tests/guests/scenarios; "" for a VMM that is killed
    trigger: str  # of the dump that Marrow makes of it
    log: str  # what the kernel log says of the death; a line of it contains this
    frame: str  # a function in the backtraces of the tasks that run, as crash prints them
    package: str = STOCK
    memory_mib: int = 1024
    cpus: int = 2
    sleepers: int = 5  # on top of about fifty tasks of a guest with two vCPUs
    agent: bool = True
    crash_options: tuple = ()
    quick: bool = False  # one of those that `make test` runs


SYSRQ = ("panic", "PANIC", "Kernel panic - not syncing: sysrq triggered crash", "sysrq_handle_crash")
NULL = ("null", "PANIC", "kernel NULL pointer dereference, address: 0000000000000000")
NULL = (*NULL, "marrow_crash_null")
BUG_IRQ = ("bug-irq", "PANIC", "Fatal exception in interrupt", "marrow_crash_bug_irq")
OVERFLOW = ("stack-overflow", "PANIC", "stack guard page was hit", "marrow_crash_recurse")
HUNG = ("hung-task", "PANIC", "Kernel panic - not syncing: hung_task: blocked tasks", "watchdog")
LOCKUP = ("soft-lockup", "PANIC", "Kernel panic - not syncing: softlockup: hung tasks")
LOCKUP = (*LOCKUP, "marrow_crash_soft_lockup")
OOM = ("oom", "PANIC", "Out of memory: compulsory panic_on_oom is enabled", "out_of_memory")
IRQS_OFF = ("irqs-off", "HEARTBEAT_LOST", "marrow-guest: ready", "marrow_crash_irqs_off")
TRIPLE = ("triple-fault", "RESET", "sysrq: Resetting", "emergency_restart")
KILLED = ("", "VMM_DEATH", "marrow-guest: ready", "")

CASES = (
    Case("sysrq", *SYSRQ, quick=True),
    Case("sysrq-cloud-many", *SYSRQ, package=CLOUD, memory_mib=2048, cpus=4, sleepers=450),
    Case("sysrq-large", *SYSRQ, memory_mib=4096, cpus=1),
    Case("null-cloud", *NULL, package=CLOUD, quick=True),
    Case("null-small-many", *NULL, memory_mib=512, cpus=1, sleepers=450),
    Case("bug-irq", *BUG_IRQ, memory_mib=4096, cpus=4),
    # crash 8.0.2 looks for the panicking task in all stacks and gives up on this one, which continues
    # below its end; it opens not even the full dump.
    Case(
        "stack-overflow-many",
        *OVERFLOW,
        memory_mib=2048,
        sleepers=450,
        crash_options=("--no_panic",),
    ),
    Case("hung-task-cloud", *HUNG, package=CLOUD, memory_mib=512, cpus=2),
    Case("soft-lockup", *LOCKUP, cpus=4),
    Case("oom-cloud-many", *OOM, package=CLOUD, memory_mib=512, cpus=1, sleepers=450),
    Case("irqs-off", *IRQS_OFF, cpus=2, quick=True),
    # crash 8.0.2 takes the interrupt stacks of this kernel for another kind, whose size it does not know.
    Case("irqs-off-cloud-large", *IRQS_OFF[:3], "", CLOUD, memory_mib=4096, cpus=4, sleepers=450),
    Case("triple-fault-cloud", *TRIPLE, package=CLOUD, memory_mib=512, cpus=4),
    Case("killed", *KILLED, memory_mib=2048, cpus=2),
    Case("no-agent", *SYSRQ, agent=False),
)
