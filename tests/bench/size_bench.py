# SPDX-License-Identifier: Apache-2.0
"""What a session costs in bytes: against tasks and vCPUs, and beside makedumpfile.

First, guests that differ in one thing (tasks, then vCPUs) panic and are captured. Then one guest
more panics, is captured by Marrow and dumped in full by QEMU, and `makedumpfile -d 31 -c` reduces
the full dump; the commands of the session test run on all three, and a command counts where its
output is that of the full dump. Every number goes to size_bench.json in the build folder.
"""

import json
import pathlib
import struct
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
for folder in ("e2e", "session"):
    sys.path.insert(0, str(TESTS / folder))

import questions  # noqa: E402
from guest import BUILD, Guest, Machine, kernel  # noqa: E402
from lab import Lab, run  # noqa: E402
from marrow import Cli, Daemon, Store  # noqa: E402

SLEEPERS = (0, 50, 150, 450)
VCPUS = (1, 2, 4)
VM = "bench"
PHDR_BYTES = 56


def seconds_of(duration):
    return float(duration.rstrip("s"))


class Bench:
    """A guest under watch, for one panic."""

    def __init__(self, lab, sleepers=0, **machine):
        store = Store(lab)
        daemon = Daemon(lab, store.address, [{"name": VM}])
        self.cli = Cli(store.address, daemon.control_path)
        self.guest = Guest(lab, VM, Machine(**machine)).wait_ready()
        self.cli.wait_watched(VM)
        if sleepers:
            self.guest.shell(f"for i in $(seq {sleepers}); do sleep 100000 & done", 120.0)
        self.tasks = int(self.guest.shell("ls -d /proc/[0-9]* | wc -l")[1])

    def panic(self):
        self.guest.send("panic")
        return self.cli.wait_dump(VM, "PANIC")


def measure(sleepers=0, **machine):
    with Lab() as lab:
        bench = Bench(lab, sleepers, **machine)
        dump = bench.panic()
    return {
        "tasks": bench.tasks,
        "vcpus": bench.guest.machine.cpus,
        "core_bytes": int(dump["core_bytes"]),
        "stored_bytes": int(dump["stored_bytes"]),
        "stopped_s": seconds_of(dump["manifest"]["stats"]["stopped"]),
    }


def row(result):
    return (
        f"{result['tasks']:>6} {result['vcpus']:>6} {result['core_bytes'] >> 10:>9}"
        f" {result['stored_bytes'] >> 10:>11} {result['stopped_s'] * 1000:>11.1f}"
    )


def for_makedumpfile(core):
    """QEMU 7.2 puts a section header before the program headers; makedumpfile 1.7 takes no other
    place for them than behind the ELF header. There is room: the notes come later."""
    with open(core, "r+b") as file:
        head = bytearray(file.read(4096))
        start = struct.unpack_from("<Q", head, 32)[0]
        count = struct.unpack_from("<H", head, 56)[0]
        headers = bytes(head[start : start + count * PHDR_BYTES])
        head[64 : 64 + len(headers)] = headers
        struct.pack_into("<QQ", head, 32, 64, 0)
        struct.pack_into("<HHHHHH", head, 52, 64, PHDR_BYTES, count, 64, 0, 0)
        file.seek(0)
        file.write(head)


def like_full(full, other):
    """The commands whose output is that of the full dump."""
    return [name for name, lines in full.items() if lines == other.get(name)]


def beside_makedumpfile():
    vmlinux = kernel() / "vmlinux"
    with Lab() as lab:
        bench = Bench(lab)
        dump = bench.panic()
        cores = {}
        for name in ("full", "marrow", "makedumpfile"):
            lab.path(name).mkdir()
            cores[name] = lab.path(name) / "vm.core"  # one name, for crash prints it
        bench.cli.text("dumps", "fetch", dump["manifest"]["dump_id"], "--output", cores["marrow"])
        bench.guest.full_core(cores["full"], paging=False)
        answers = {name: questions.ask_crash(vmlinux, cores[name]) for name in ("full", "marrow")}
        cores["full"].chmod(0o600)
        for_makedumpfile(cores["full"])
        run(["makedumpfile", "-d", "31", "-c", cores["full"], cores["makedumpfile"]])
        answers["makedumpfile"] = questions.ask_crash(vmlinux, cores["makedumpfile"])
        sizes = {name: core.stat().st_size for name, core in cores.items()}
    sizes["marrow, stored"] = int(dump["stored_bytes"])
    same = {name: like_full(answers["full"], answer) for name, answer in answers.items()}
    return {"bytes": sizes, "commands_like_full": same}


def show_comparison(result):
    commands = len(result["commands_like_full"]["full"])
    print(f"\n{'dump':<16} {'KiB':>9}   crash's sections with the full dump's output, of {commands}")
    for name, size in sorted(result["bytes"].items(), key=lambda item: -item[1]):
        same = result["commands_like_full"].get(name)
        differing = sorted(set(result["commands_like_full"]["full"]) - set(same or ()))
        text = "" if same is None else str(len(same)) + (
            f" (not {', '.join(differing)})" if differing else ""
        )
        print(f"{name:<16} {size >> 10:>9}   {text}")


def main():
    print(" tasks  vCPUs  core KiB  stored KiB  stopped ms", flush=True)
    grown = []
    for variation in [{"sleepers": n} for n in SLEEPERS] + [{"cpus": n} for n in VCPUS]:
        grown.append(measure(**variation))
        print(row(grown[-1]), flush=True)
    comparison = beside_makedumpfile()
    show_comparison(comparison)
    path = BUILD / "size_bench.json"
    report = {"kernel": kernel().name, "growth": grown, "beside_makedumpfile": comparison}
    path.write_text(json.dumps(report, indent=1) + "\n")
    print(f"every number: {path}")


if __name__ == "__main__":
    main()
