# SPDX-License-Identifier: Apache-2.0
"""Run by drgn on a core; the argument is the mark that begins each section of output."""

import sys

from drgn.helpers.linux.fs import for_each_mount, mount_dst, mount_fstype, mount_src
from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.printk import get_dmesg
from drgn.helpers.linux.sched import task_state_to_char


def text(value):
    return value.decode(errors="backslashreplace")


def try_to_print(get):
    """What could not be found out is output like any other."""
    try:
        print(get())
    except Exception as error:  # drgn raises many kinds
        print(f"{type(error).__name__}: {error}")


def tasks():
    for task in for_each_task(prog):
        try_to_print(
            lambda: f"{task.pid.value_()} {text(task.comm.string_())} {task_state_to_char(task)}"
        )


def stack_traces():
    for task in for_each_task(prog):
        print(f"of {task.pid.value_()}:")
        try_to_print(lambda: prog.stack_trace(task))


def modules():
    for module in list_for_each_entry("struct module", prog["modules"].address_of_(), "list"):
        try_to_print(lambda: f"{text(module.name.string_())} {module.core_layout.base.value_():#x}")


def dmesg():
    print(text(get_dmesg(prog)))


def mounts():
    for mount in for_each_mount(prog["init_task"].nsproxy.mnt_ns):
        try_to_print(
            lambda: " ".join(text(get(mount)) for get in (mount_src, mount_dst, mount_fstype))
        )


for section in (tasks, stack_traces, modules, dmesg, mounts):
    print(sys.argv[1] + section.__name__.replace("_", " "))
    try:
        section()
    except Exception as error:  # the other sections are still wanted
        print(f"{type(error).__name__}: {error}")
