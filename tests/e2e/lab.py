# SPDX-License-Identifier: Apache-2.0
"""A laboratory for one test: a folder, the processes started in it, and bounded waits.

Everything ends with the laboratory: processes by their pid, last started first, then the folder.
MARROW_LAB_KEEP=1 in the environment keeps the folder and prints its name.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

POLL_SECONDS = 0.02


class Timeout(AssertionError):
    """A condition did not come true in time."""


def wait_until(condition, what, seconds=60.0, unless=None):
    """Returns the first true value of condition().

    Raises Timeout after `seconds`, or as soon as unless() returns a reason why it never will.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        reason = unless() if unless else None
        if reason:
            raise Timeout(f"no {what}: {reason}")
        if time.monotonic() > deadline:
            raise Timeout(f"no {what} within {seconds:g} s")
        time.sleep(POLL_SECONDS)


def run(arguments, seconds=120, text=True, **options):
    """Runs a program to its end and returns its subprocess.CompletedProcess.

    Raises AssertionError with its last words if it fails.
    """
    arguments = [str(argument) for argument in arguments]
    if "input" not in options:
        options["stdin"] = subprocess.DEVNULL
    if text:
        options.update(encoding="utf-8", errors="backslashreplace")
    result = subprocess.run(arguments, capture_output=True, timeout=seconds, **options)
    if result.returncode != 0:
        last_words = f"{result.stdout[-4000:]}\n{result.stderr[-4000:]}"
        raise AssertionError(f"{' '.join(arguments)} ended with {result.returncode}:\n{last_words}")
    return result


class Process:
    """A program running in the background; stdout and stderr go to log files."""

    def __init__(self, name, arguments, folder):
        self.name = name
        self.stdout_path = folder / f"{name}.stdout"
        self.stderr_path = folder / f"{name}.stderr"
        with open(self.stdout_path, "ab") as out, open(self.stderr_path, "ab") as err:
            self._popen = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        self.pid = self._popen.pid

    def stdout(self):
        return self.stdout_path.read_text(errors="backslashreplace")

    def stderr(self):
        return self.stderr_path.read_text(errors="backslashreplace")

    def running(self):
        return self._popen.poll() is None

    def why_dead(self):
        """None while it runs, else how it ended and its last words: an `unless` for wait_until."""
        if self.running():
            return None
        return f"{self.name} ended with {self._popen.returncode}: {self.stderr()[-2000:]}"

    def wait_for_line(self, start, seconds=60.0):
        """The first line of standard output that begins with `start`."""
        return wait_until(
            lambda: next((x for x in self.stdout().splitlines() if x.startswith(start)), None),
            f"line '{start}' from {self.name}",
            seconds,
            unless=self.why_dead,
        )

    def wait(self, seconds=30.0):
        """Its exit status."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Timeout(f"{self.name} (pid {self.pid}) still runs after {seconds:g} s") from None

    def signal(self, number):
        if self.running():
            self._popen.send_signal(number)

    def kill(self):
        """As by kill -9; returns when it is gone."""
        self.signal(signal.SIGKILL)
        self.wait()

    def stop(self):
        """In order if it can, else as by kill -9."""
        self.signal(signal.SIGTERM)
        try:
            self.wait(10.0)
        except Timeout:
            self.kill()


class Lab:
    """Use as a context manager, or call close()."""

    def __init__(self, folder=None, keep=None):
        self._keep = os.environ.get("MARROW_LAB_KEEP") == "1" if keep is None else keep
        if folder is None:
            # Short, for a unix socket's path has at most 107 bytes.
            folder = tempfile.mkdtemp(prefix="marrow-", dir="/tmp")
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._processes = []
        self._open = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def path(self, name):
        return self.folder / name

    def start(self, name, arguments):
        process = Process(name, arguments, self.folder)
        self._processes.append(process)
        return process

    def keep_open(self, resource):
        """Closes it together with the laboratory; returns it."""
        self._open.append(resource)
        return resource

    def logs(self):
        """The end of every log, for the report of a failed test."""
        parts = []
        for path in sorted(self.folder.glob("*.std*")) + sorted(self.folder.glob("*.console")):
            text = path.read_text(errors="backslashreplace").strip()
            if text:
                parts.append(f"--- {path.name}\n" + "\n".join(text.splitlines()[-25:]))
        return "\n".join(parts)

    def close(self):
        while self._open:
            self._open.pop().close()
        while self._processes:
            self._processes.pop().stop()
        if self._keep:
            print(f"kept {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
