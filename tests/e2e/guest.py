# SPDX-License-Identifier: Apache-2.0
"""Test guests: a stock Debian kernel under QEMU's emulation, driven over a serial port."""

import dataclasses
import fcntl
import functools
import hashlib
import os
import pathlib
import shutil
import sys
import time

from lab import Timeout, run, wait_until
from qmp import Qmp, connect

SOURCE = pathlib.Path(__file__).resolve().parents[2]
QEMU = "qemu-system-x86_64"
BUILD = pathlib.Path(os.environ.get("MARROW_BUILD", SOURCE / "build/dev"))

sys.path.insert(0, str(SOURCE / "tests/guests"))
import initramfs  # noqa: E402  (lives beside the guest's files)


@functools.lru_cache
def kernel(package="linux-image-amd64", headers=False):
    """The folder of a kernel under test, see deploy/fetch-kernel."""
    arguments = [SOURCE / "deploy/fetch-kernel", *(["--headers"] if headers else []), package]
    return pathlib.Path(run(arguments, seconds=1800).stdout.strip())


@functools.lru_cache
def crash_module(package):
    """marrow_crash.ko for that kernel, made again when its source changed."""
    build_folder = kernel(package, headers=True) / "build"
    source = SOURCE / "tests/guests/crash_module"
    folder = BUILD / "guests" / f"crash_module-{package}"
    module = folder / "marrow_crash.ko"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # kbuild writes beside the source.
        for path in source.iterdir():
            shutil.copy2(path, folder)
        run(["make", "-s", "-C", build_folder, f"M={folder}", "modules"], seconds=300)
    return module


@functools.lru_cache
def boot_image(package, crash_kernel, with_crash_module):
    """The initramfs with the guest programs of this build, made again when one of them changed."""
    programs = [BUILD / "guests" / name for name in ("load-crash-kernel", "spin-all-cpus")]
    programs.append(BUILD / "bin/marrow-agent")
    modules = [crash_module(package)] if with_crash_module else []
    digest = hashlib.sha256(f"{kernel(package)} {crash_kernel}".encode())
    for path in programs + modules + sorted(p for p in (SOURCE / "tests/guests").rglob("*") if p.is_file()):
        digest.update(f"{path} {path.stat().st_mtime_ns}".encode())
    folder = BUILD / "guests"
    kind = f"{package}{'-crash' if crash_kernel else ''}{'-module' if modules else ''}"
    image = folder / f"initramfs-{kind}-{digest.hexdigest()[:16]}"
    with open(folder / "initramfs.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not image.exists():
            for old in folder.glob(image.name[:-16] + "?" * 16):
                old.unlink()
            initramfs.build(kernel(package), image, programs, modules, crash_kernel)
    return image


@dataclasses.dataclass
class Machine:
    """What a test may vary about a guest."""

    memory_mib: int = 1024
    cpus: int = 2
    backing: str = "memfd"  # of guest RAM: memfd, file or private
    window_bytes: int = 65536  # 0: no window
    vmcoreinfo_device: bool = True
    append: str = ""  # to the kernel command line
    package: str = "linux-image-amd64"  # of the kernel
    crash_module: bool = False  # /modules/marrow_crash.ko is there
    crash_kernel: bool = False
    # Of QEMU, on a guest's panic, watchdog time-out and reset.
    actions: str = "panic=pause,watchdog=pause,reboot=shutdown,shutdown=pause"


class Guest:
    """A running guest. Its files in the laboratory's folder begin with its name."""

    def __init__(self, lab, name="vm", machine=None):
        self.name = name
        self.machine = machine or Machine()
        self.console_path = lab.path(f"{name}.console")
        self.window_path = lab.path(f"{name}.window")
        self.marrow_qmp_path = lab.path(f"{name}.qmp")
        self._control_path = lab.path(f"{name}.control")
        self._own_qmp_path = lab.path(f"{name}.test-qmp")
        self._memory_path = lab.path(f"{name}.ram")
        self.process = lab.start(f"{name}-qemu", self._command_line())
        dead = self.process.why_dead
        self.qmp = lab.keep_open(Qmp(self._own_qmp_path, unless=dead))
        self._control = lab.keep_open(connect(self._control_path, unless=dead))
        self._output = b""

    def _command_line(self):
        machine = self.machine
        memory = {
            "memfd": f"memory-backend-memfd,id=ram,size={machine.memory_mib}M,share=on",
            "file": f"memory-backend-file,id=ram,size={machine.memory_mib}M,share=on,"
            f"mem-path={self._memory_path}",
            "private": f"memory-backend-ram,id=ram,size={machine.memory_mib}M",
        }[machine.backing]
        append = f"console=ttyS0 ignore_loglevel printk.devkmsg=on {machine.append}"
        arguments = [QEMU, "-name", self.name, "-nodefaults", "-no-user-config"]
        arguments += ["-display", "none", "-machine", "q35,accel=tcg,memory-backend=ram"]
        arguments += ["-object", memory, "-m", f"{machine.memory_mib}M", "-smp", machine.cpus]
        image = boot_image(machine.package, machine.crash_kernel, machine.crash_module)
        arguments += ["-kernel", kernel(machine.package) / "vmlinuz", "-initrd", image]
        arguments += ["-append", append.strip(), "-action", machine.actions]
        arguments += ["-device", "pvpanic", "-device", "i6300esb"]
        arguments += ["-device", "vmcoreinfo"] if machine.vmcoreinfo_device else []
        arguments += ["-serial", f"file:{self.console_path}"]
        arguments += ["-serial", f"unix:{self._control_path},server=on,wait=off"]
        for path in (self.marrow_qmp_path, self._own_qmp_path):
            arguments += ["-qmp", f"unix:{path},server=on,wait=off"]
        if machine.window_bytes:
            arguments += ["-object", f"memory-backend-file,id=window,size={machine.window_bytes},"]
            arguments[-1] += f"share=on,mem-path={self.window_path}"
            arguments += ["-device", "ivshmem-plain,memdev=window"]
        return arguments

    def console(self):
        """What the kernel printed so far."""
        return self.console_path.read_text(errors="backslashreplace").replace("\r", "")

    def wait_console(self, text, seconds=120.0):
        wait_until(
            lambda: text in self.console(),
            f"'{text}' on the console of {self.name}",
            seconds,
            unless=self.process.why_dead,
        )

    def wait_ready(self):
        """Returns when the guest takes commands."""
        self.wait_console("marrow-guest: ready")
        return self

    def send(self, command):
        """Gives the guest a shell command and does not wait: for those that end it."""
        self._control.sendall(command.encode() + b"\n")

    def shell(self, command, seconds=60.0):
        """Runs a shell command in the guest; returns its status and output."""
        self.send(command)
        mark = b"marrow-guest: exit "
        deadline = time.monotonic() + seconds
        while True:
            head, found, tail = self._output.partition(mark)
            if found and b"\n" in tail:
                status, self._output = tail.split(b"\n", 1)
                return int(status), head.decode(errors="backslashreplace").replace("\r", "")
            self._control.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                self._output += self._control.recv(65536)
            except TimeoutError:
                raise Timeout(f"no end of '{command}' within {seconds:g} s") from None

    def full_core(self, path, paging):
        """QEMU's own dump of the whole RAM, the yardstick for ours.

        With paging, segments have virtual addresses, as drgn needs them; crash wants none.
        """
        self.qmp.command("dump-guest-memory", 600.0, paging=paging, protocol=f"file:{path}")
        return path

    def status(self):
        """QEMU's run state, such as "running" or "guest-panicked"."""
        return self.qmp.command("query-status")["status"]
