# SPDX-License-Identifier: Apache-2.0
"""A reader of ELF cores, written apart from Marrow's own so that each can judge the other."""

import dataclasses
import struct

PT_LOAD, PT_NOTE = 1, 4
PN_XNUM = 0xFFFF


@dataclasses.dataclass(frozen=True)
class Segment:
    kind: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int


class Core:
    def __init__(self, path):
        self._file = open(path, "rb")
        header = self._at(0, 64)
        if header[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path} is not a little-endian ELF64 file")
        self.type, self.machine = struct.unpack_from("<HH", header, 16)
        phoff, shoff = struct.unpack_from("<QQ", header, 32)
        phentsize, phnum = struct.unpack_from("<HH", header, 54)
        if phnum == PN_XNUM:
            phnum = struct.unpack_from("<I", self._at(shoff, 64), 44)[0]
        self.segments = []
        for index in range(phnum):
            entry = struct.unpack("<IIQQQQQQ", self._at(phoff + index * phentsize, 56))
            self.segments.append(Segment(entry[0], *entry[2:7]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def loads(self):
        return [segment for segment in self.segments if segment.kind == PT_LOAD]

    def notes(self):
        """Yields name, type, description."""
        for segment in self.segments:
            if segment.kind != PT_NOTE:
                continue
            data = self._at(segment.offset, segment.filesz)
            position = 0
            while position + 12 <= len(data):
                name_bytes, size, kind = struct.unpack_from("<III", data, position)
                position += 12
                name = data[position : position + name_bytes].rstrip(b"\0").decode()
                position += -(-name_bytes // 4) * 4
                yield name, kind, data[position : position + size]
                position += -(-size // 4) * 4

    def vmcoreinfo(self):
        """The VMCOREINFO note's lines as a dictionary."""
        for name, _, data in self.notes():
            if name == "VMCOREINFO":
                lines = data.rstrip(b"\0").decode().splitlines()
                return dict(line.split("=", 1) for line in lines if "=" in line)
        raise ValueError("the core has no VMCOREINFO note")

    def read(self, address, size, by="paddr"):
        """Memory by guest-physical ("paddr") or guest-virtual ("vaddr") address."""
        for segment in self.loads():
            start = getattr(segment, by)
            if start <= address and address + size <= start + segment.filesz:
                return self._at(segment.offset + address - start, size)
        raise ValueError(f"[{address:#x}, +{size:#x}) by {by} is not in the core")

    def _at(self, offset, size):
        self._file.seek(offset)
        data = self._file.read(size)
        if len(data) != size:
            raise ValueError(f"the core ends before {offset + size:#x}")
        return data
