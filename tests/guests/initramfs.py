# SPDX-License-Identifier: Apache-2.0
"""Builds the initramfs of a test guest: busybox, modules, scenarios and the guest's programs.

The same inputs give the same bytes. Usable as a module or as a program:
  initramfs.py --kernel FOLDER --output FILE [--program FILE ...] [--module FILE ...] [--crash-kernel]
"""

import argparse
import os
import pathlib
import stat
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
BUSYBOX = pathlib.Path("/bin/busybox")

# Loaded by the guest in this order, each after the modules it depends on. A kernel may be built
# without one of them: then its folder has no such file.
MODULES = ("qemu_fw_cfg", "pvpanic-mmio", "pvpanic-pci", "i6300esb")


class Archive:
    """A cpio archive in the format that the kernel unpacks ("newc")."""

    def __init__(self):
        self._bytes = bytearray()
        self._folders = set()
        self._inodes = 0

    def folder(self, path):
        """Adds a folder and those above it; path has no leading slash."""
        for parent in reversed(pathlib.PurePosixPath(path).parents):
            self._one_folder(str(parent))
        self._one_folder(str(path))

    def file(self, path, content, executable=False):
        self.folder(pathlib.PurePosixPath(path).parent)
        self._entry(path, stat.S_IFREG | (0o755 if executable else 0o644), content)

    def character_device(self, path, major, minor):
        self.folder(pathlib.PurePosixPath(path).parent)
        self._entry(path, stat.S_IFCHR | 0o600, b"", (major, minor))

    def finish(self):
        self._entry("TRAILER!!!", 0, b"")
        return bytes(self._bytes)

    def _one_folder(self, path):
        if path != "." and path not in self._folders:
            self._folders.add(path)
            self._entry(path, stat.S_IFDIR | 0o755, b"")

    def _entry(self, path, mode, content, device=(0, 0)):
        self._inodes += 1
        name = path.encode() + b"\0"
        # Inode, mode, uid, gid, links, mtime, size, device of the file (2), device it stands for
        # (2), bytes of the name, checksum.
        fields = (self._inodes, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name), 0)
        self._bytes += b"070701" + b"".join(b"%08x" % field for field in fields) + name
        self._pad()
        self._bytes += content
        self._pad()

    def _pad(self):
        self._bytes += b"\0" * (-len(self._bytes) % 4)


def load_order(modules_folder, wanted):
    """The names of the wanted modules and of all that they depend on, dependencies first."""
    order = []

    def visit(name, needed_by):
        if name in order:
            return
        module = modules_folder / f"{name}.ko"
        if not module.exists():
            raise FileNotFoundError(f"{module}, needed by {needed_by}: add it to fetch-kernel")
        depends = subprocess.run(
            ["/sbin/modinfo", "-F", "depends", str(module)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for dependency in filter(None, depends.split(",")):
            visit(dependency, name)
        order.append(name)

    for name in wanted:
        visit(name, "the test guest")
    return order


def build(kernel, output, programs=(), modules=(), crash_kernel=False):
    """Writes the initramfs for the kernel folder (see deploy/fetch-kernel) to output.

    programs are static executables that go to /bin under their own names; modules go to /modules
    and are not loaded. With crash_kernel the guest also holds its own kernel as /boot/vmlinuz. The
    archive is not compressed: an emulated CPU takes longer to unpack it than to copy it.
    """
    archive = Archive()
    archive.character_device("dev/console", 5, 1)
    archive.file("init", (HERE / "init").read_bytes(), executable=True)
    archive.file("bin/busybox", BUSYBOX.read_bytes(), executable=True)
    for scenario in sorted((HERE / "scenarios").iterdir()):
        archive.file(f"scenarios/{scenario.name}", scenario.read_bytes(), executable=True)
    for program in programs:
        archive.file(f"bin/{program.name}", program.read_bytes(), executable=True)

    there = [name for name in MODULES if (kernel / "modules" / f"{name}.ko").exists()]
    order = load_order(kernel / "modules", there)
    archive.file("modules/order", "\n".join(order).encode() + b"\n")
    for name in order:
        archive.file(f"modules/{name}.ko", (kernel / "modules" / f"{name}.ko").read_bytes())
    for module in modules:
        archive.file(f"modules/{module.name}", module.read_bytes())
    if crash_kernel:
        archive.file("boot/vmlinuz", (kernel / "vmlinuz").read_bytes())

    temporary = output.with_name(f"{output.name}.{os.getpid()}")
    temporary.write_bytes(archive.finish())
    temporary.rename(output)


def main():
    parser = argparse.ArgumentParser(description="Builds the initramfs of a test guest.")
    parser.add_argument("--kernel", type=pathlib.Path, required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--program", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--module", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--crash-kernel", action="store_true")
    arguments = parser.parse_args()
    build(
        arguments.kernel,
        arguments.output,
        arguments.program,
        arguments.module,
        arguments.crash_kernel,
    )


if __name__ == "__main__":
    main()
