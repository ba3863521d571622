# SPDX-License-Identifier: Apache-2.0
"""A client of the QEMU Machine Protocol."""

import json
import socket
import time

from lab import Timeout, wait_until


class QmpError(Exception):
    """QEMU refused a command."""


def connect(path, seconds=30.0, unless=None):
    """A socket connected to the unix socket at path, which may not be there yet."""
    result = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def connected():
        try:
            result.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True

    wait_until(connected, f"listener at {path}", seconds, unless)
    return result


class Qmp:
    """Not for several threads. Events are kept until wait_event() takes them."""

    def __init__(self, path, seconds=30.0, unless=None):
        self._socket = connect(path, seconds, unless)
        self._buffer = b""
        self.events = []
        self._receive(time.monotonic() + seconds)
        self.command("qmp_capabilities")

    def command(self, name, seconds=120.0, **arguments):
        """Its return value; raises QmpError."""
        message = {"execute": name}
        if arguments:
            message["arguments"] = {key.replace("_", "-"): arguments[key] for key in arguments}
        self._socket.sendall(json.dumps(message).encode() + b"\n")
        deadline = time.monotonic() + seconds
        while True:
            answer = self._receive(deadline)
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise QmpError(f"{name}: {answer['error']['desc']}")
            else:
                return answer["return"]

    def wait_event(self, name, seconds=60.0):
        """The next event of that name, which may have come before."""
        deadline = time.monotonic() + seconds
        while True:
            for index, event in enumerate(self.events):
                if event["event"] == name:
                    return self.events.pop(index)
            try:
                self.events.append(self._receive(deadline))
            except Timeout:
                seen = ", ".join(event["event"] for event in self.events) or "nothing"
                raise Timeout(f"no event {name} within {seconds:g} s, but {seen}") from None

    def close(self):
        self._socket.close()

    def _receive(self, deadline):
        while b"\n" not in self._buffer:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                raise Timeout("no answer from QEMU") from None
            if not data:
                raise ConnectionError("QEMU closed the QMP socket")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)
