# SPDX-License-Identifier: Apache-2.0
"""What a capture costs a guest, beside QEMU's own dump-guest-memory, over sizes of RAM.

For each size one guest boots with its RAM in a memfd. It is captured some times while it runs and
once by its panic; then, on that same stopped guest, QEMU dumps all of it. A table goes to the
terminal and every number to capture_bench.json in the build folder.

`stopped`: the time a capture keeps the guest still. `capture`: from the trigger to memory copied.
`grown`: by how much the guest's memfd grew on the host. QEMU keeps the guest stopped as long as its
dump takes.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import sys
import time

E2E = pathlib.Path(__file__).resolve().parents[1] / "e2e"
sys.path.insert(0, str(E2E))

from guest import BUILD, Guest, Machine, kernel  # noqa: E402
from lab import Lab, run, wait_until  # noqa: E402
from marrow import Cli, Daemon, Store  # noqa: E402

SIZES_MIB = (512, 1024, 2048, 4096)
RUNNING_CAPTURES = 9


def backing_bytes(pid):
    """What the guest's memfd occupies on the host."""
    folder = pathlib.Path(f"/proc/{pid}/fd")
    for fd in folder.iterdir():
        if os.readlink(fd).startswith("/memfd:memory-backend-memfd"):
            return os.stat(fd).st_blocks * 512
    raise AssertionError(f"process {pid} has no memfd of guest RAM")


def seconds_of(duration):
    return float(duration.rstrip("s"))


def measure_marrow(cli, guest, trigger, start):
    """One capture: start() sets it off."""
    before = backing_bytes(guest.process.pid)
    seen = {dump["name"] for dump in cli.dumps()}
    start()
    dump = wait_until(
        lambda: next((d for d in cli.dumps() if d["name"] not in seen), None), f"{trigger} dump"
    )
    stats = dump["manifest"]["stats"]
    return {
        "trigger": dump["manifest"]["trigger"],
        "stopped_s": seconds_of(stats["stopped"]),
        "capture_s": seconds_of(stats["capture"]),
        "core_bytes": int(dump["core_bytes"]),
        "stored_bytes": int(dump["stored_bytes"]),
        "grown_bytes": backing_bytes(guest.process.pid) - before,
    }


def measure_qemu(guest, path, dump_format):
    """One dump-guest-memory into a file that nobody syncs."""
    before = backing_bytes(guest.process.pid)
    began = time.monotonic()
    guest.qmp.command(
        "dump-guest-memory", paging=False, protocol=f"file:{path}", format=dump_format, seconds=900
    )
    stopped = time.monotonic() - began
    size = path.stat().st_size
    path.unlink()
    return {
        "format": dump_format,
        "stopped_s": stopped,
        "core_bytes": size,
        "grown_bytes": backing_bytes(guest.process.pid) - before,
    }


def measure(mib):
    with Lab() as lab:
        store = Store(lab)
        daemon = Daemon(lab, store.address, [{"name": "bench"}])
        cli = Cli(store.address, daemon.control_path)
        guest = Guest(lab, "bench", Machine(memory_mib=mib)).wait_ready()
        cli.wait_watched("bench")
        capture = lambda: cli.text("capture", "bench")
        running = [measure_marrow(cli, guest, "operator", capture) for _ in range(RUNNING_CAPTURES)]
        panic = measure_marrow(cli, guest, "panic", lambda: guest.send("panic"))
        qemu = [
            measure_qemu(guest, lab.path("full.core"), dump_format)
            for dump_format in ("elf", "kdump-zlib")
        ]
    return {"ram_mib": mib, "running": running, "panic": panic, "qemu": qemu}


def row(result):
    running = [capture["stopped_s"] * 1000 for capture in result["running"]]
    panic, (elf, zlib) = result["panic"], result["qemu"]
    grown = max(capture["grown_bytes"] for capture in [*result["running"], panic])
    return (
        f"{result['ram_mib']:>7} | {statistics.median(running):>7.1f} {max(running):>7.1f}"
        f" {panic['stopped_s'] * 1000:>7.1f} {panic['capture_s'] * 1000:>8.1f}"
        f" {panic['core_bytes'] >> 10:>8} {grown >> 10:>6}"
        f" | {elf['stopped_s'] * 1000:>7.0f} {elf['core_bytes'] >> 10:>8}"
        f" {elf['grown_bytes'] >> 10:>8}"
        f" | {zlib['stopped_s'] * 1000:>7.0f} {zlib['core_bytes'] >> 10:>8}"
    )


HEADER = """\
        | Marrow: stopped ms      panic                    | QEMU elf                  | kdump-zlib
RAM MiB |  median     max   panic capture core KiB  grown  | stopped core KiB    grown | stopped core KiB"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES_MIB, metavar="MIB")
    arguments = parser.parse_args()
    print(HEADER, flush=True)
    results = []
    for mib in arguments.sizes:
        results.append(measure(mib))
        print(row(results[-1]), flush=True)
    sizes = [result["panic"]["core_bytes"] for result in results]
    print(f"core bytes over these sizes of RAM: largest / smallest = {max(sizes) / min(sizes):.3f}")
    report = {
        "kernel": kernel().name,
        "qemu": run(["qemu-system-x86_64", "--version"]).stdout.splitlines()[0],
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "results": results,
    }
    path = BUILD / "capture_bench.json"
    path.write_text(json.dumps(report, indent=1) + "\n")
    print(f"every number: {path}")


if __name__ == "__main__":
    main()
