# SPDX-License-Identifier: Apache-2.0
"""The demonstration: a stock kernel panics, and three debuggers read what Marrow kept of it.

MARROW_DEMO_DIR=FOLDER keeps every file of the run there: core, window, logs, the store's data.
"""

import os
import pathlib
import shutil
import sys

import debuggers
from guest import Guest, Machine, kernel
from lab import Lab
from marrow import BIN, Cli, Store

NAME = "demo"
RAM_MIB = 1024
CRASH_COMMANDS = ("bt", "mod", "mount", "dev | head -4")


def title(text):
    print(f"\n== {text}", flush=True)


def show(cli, *arguments):
    """A command of the CLI with its output, as on a terminal."""
    print(f"$ marrow {' '.join(map(str, arguments))}")
    print(cli.text(*arguments).rstrip(), flush=True)


def milliseconds(duration):
    """Of a protobuf duration in JSON: "0.012345s"."""
    return float(duration.rstrip("s")) * 1000


def nanoseconds_of_day(timestamp):
    """Of an RFC 3339 time in UTC, whose fraction may have nine digits."""
    hours, minutes, seconds = timestamp.rstrip("Z").split("T")[1].split(":")
    return int((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1e9)


def milliseconds_between(earlier, later):
    day = 24 * 3600 * 10**9
    return (nanoseconds_of_day(later) - nanoseconds_of_day(earlier)) % day / 1e6


def start_host(lab, store):
    control = lab.path("marrowd.sock")
    arguments = [BIN / "marrowd", "watch", "--name", NAME, "--qmp", lab.path(f"{NAME}.qmp")]
    arguments += ["--window", lab.path(f"{NAME}.window"), "--store", store.address]
    arguments += ["--spool", lab.path("spool"), "--control", control]
    print(f"$ marrowd watch --name {NAME} --qmp {NAME}.qmp --window {NAME}.window ...")
    print(lab.start("marrowd", arguments).wait_for_line("marrowd ready"))
    return Cli(store.address, control)


def show_debuggers(core):
    vmlinux = kernel() / "vmlinux"
    title(f"crash vmlinux {core.name}")
    commands = [part for name in CRASH_COMMANDS for part in (f"!echo 'crash> {name}'", name)]
    print(debuggers.crash(vmlinux, core, *commands).rstrip())

    title(f"drgn -c {core.name} -s vmlinux")
    tasks = debuggers.drgn_tasks(vmlinux, core)
    print(f">>> len(list(for_each_task(prog)))\n{len(tasks)}")
    print(">>> [task.comm.string_() for task in for_each_task(prog)][:8]")
    print([comm for _, comm in tasks[:8]])
    print(">>> get_dmesg(prog).count(b'\\n')")
    print(debuggers.drgn(vmlinux, core).log.count("\n"))

    title(f"gdb vmlinux {core.name}")
    by_gdb = debuggers.gdb(vmlinux, core)
    print(f"(gdb) print init_uts_ns.name.version\n{by_gdb.version}")
    print(f"(gdb) print linux_banner\n{by_gdb.banner}", flush=True)


def demonstrate(lab):
    title("A store, and the daemon of a host")
    store = Store(lab)
    print(f"marrow-store listening on {store.address}")
    cli = start_host(lab, store)

    title(f"Stock Debian kernel {kernel().name} boots with marrow-agent: {RAM_MIB} MiB, 2 vCPUs")
    guest = Guest(lab, NAME, Machine(memory_mib=RAM_MIB, cpus=2)).wait_ready()
    cli.wait_watched(NAME)
    show(cli, "vms")

    title("It panics")
    print("guest# echo c > /proc/sysrq-trigger", flush=True)
    guest.send("panic")
    dump = cli.wait_dump(NAME, "PANIC")
    manifest = dump["manifest"]
    dump_id = manifest["dump_id"]
    show(cli, "dumps", "list")

    core = lab.path(f"{dump_id}.core")
    print(f"$ marrow dumps fetch {dump_id} --output {core.name}")
    cli.text("dumps", "fetch", dump_id, "--output", core)
    show_debuggers(core)

    stopped = milliseconds(manifest["stats"]["stopped"])
    acknowledged = milliseconds_between(manifest["capture_time"], dump["receive_time"])
    print(
        f"\nDEMO OK dump={dump_id} trigger=panic ram_mib={RAM_MIB}"
        f" core_bytes={dump['core_bytes']} stored_bytes={dump['stored_bytes']}"
        f" stopped_ms={stopped:.1f} ack_ms={acknowledged:.1f}",
        flush=True,
    )


def keep(lab, folder):
    """Copies the laboratory's files; those of an earlier run with the same names give way."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in lab.folder.iterdir():
        target = folder / source.name
        if target.is_dir():
            shutil.rmtree(target)
        if source.is_dir():
            shutil.copytree(source, target)
        elif source.is_file():
            shutil.copyfile(source, target)


def main():
    with Lab() as lab:
        try:
            demonstrate(lab)
        except Exception:
            print(lab.logs(), file=sys.stderr)
            raise
        finally:
            if "MARROW_DEMO_DIR" in os.environ:
                keep(lab, pathlib.Path(os.environ["MARROW_DEMO_DIR"]))


if __name__ == "__main__":
    main()
