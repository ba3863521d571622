# SPDX-License-Identifier: Apache-2.0
"""Does Marrow's dump open like the full one? Each case's guest dies and is dumped twice, by Marrow and
in full by QEMU; the same commands run on both cores, and each line must be equal.

  session.py [--quick | --case NAME ...] [--self] [--output FOLDER] [--docs FILE]

--self compares the full dump with itself: what then differs is the debuggers' doing. --output keeps
what each debugger printed, in FOLDER/CASE/{full,marrow}/COMMAND. --docs writes the table of all
commands, when every case was run and none failed.
"""

import argparse
import concurrent.futures
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import judge  # noqa: E402
import questions  # noqa: E402
import report  # noqa: E402
from cases import CASES  # noqa: E402
from guest import Guest, Machine, kernel  # noqa: E402
from judge import Verdict  # noqa: E402
from lab import Lab, wait_until  # noqa: E402
from listed import LISTED  # noqa: E402
from marrow import Cli, Daemon, Store  # noqa: E402

VM = "vm"
# Emulated guests on a busy machine miss beats while they are well.
PATIENT = "120s"
ALERT = "15s"


class Host:
    """A store and a marrowd that watches one VM."""

    def __init__(self, lab, case):
        store = Store(lab)
        deadline = ALERT if case.trigger == "HEARTBEAT_LOST" else PATIENT
        config = {"name": VM, "after": "leave", "min_heartbeat_deadline": deadline}
        daemon = Daemon(lab, store.address, [config])
        self.cli = Cli(store.address, daemon.control_path)

    def wait_watched(self, case):
        if case.agent:
            self.cli.wait_watched(VM, 120.0)
        else:
            self.cli.wait_attached(VM, 120.0)

    def fetch(self, case, path):
        dump = self.cli.wait_dump(VM, case.trigger, 180.0)
        self.cli.text("dumps", "fetch", dump["manifest"]["dump_id"], "--output", path)
        return dump


def machine_of(case):
    return Machine(
        memory_mib=case.memory_mib,
        cpus=case.cpus,
        package=case.package,
        crash_module=case.scenario in judge.MODULE_SCENARIOS,
        append="" if case.agent else "marrow.agent=off",
    )


def furnish(guest, case):
    status, output = guest.shell(f"furnish {case.sleepers}", 300.0)
    if status != 0:
        raise AssertionError(f"furnish ended with {status}: {output}")


def die(guest, case, seconds=180.0):
    """The guest dies its death; returns when it does nothing more."""
    if not case.scenario:
        guest.qmp.command("stop")
        return
    guest.send(f"with-files {case.scenario}")
    if case.trigger == "HEARTBEAT_LOST":
        # It says nothing, and its CPUs go on for ever.
        time.sleep(5.0)
    else:
        wait_until(lambda: guest.status() != "running", f"death by {case.scenario}", seconds)


def full_cores(lab, guest):
    """For crash without paging, for the others with it: see Guest.full_core()."""
    cores = []
    for name, paging in (("full", False), ("full-paging", True)):
        lab.path(name).mkdir()
        cores.append(guest.full_core(lab.path(name) / "vm.core", paging))
    return cores


def ask_all(case, for_crash, for_others):
    """All sessions on one dump, as {command: lines}."""
    vmlinux = kernel(case.package) / "vmlinux"
    return {
        **questions.ask_crash(vmlinux, for_crash, *case.crash_options),
        **questions.ask_drgn(vmlinux, for_others),
        **questions.ask_gdb(vmlinux, for_others),
    }


def ask_both(case, full, marrow):
    """Both dumps at once: each debugger spends its time on reading vmlinux."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(ask_all, case, *cores) for cores in (full, marrow)]
        return [future.result() for future in futures]


def dump_twice(lab, case):
    """Returns the full cores and Marrow's, each (for crash, for the others), and Marrow's dump."""
    host = Host(lab, case)
    guest = Guest(lab, VM, machine_of(case)).wait_ready()
    host.wait_watched(case)
    furnish(guest, case)
    die(guest, case)
    lab.path("marrow").mkdir()
    core = lab.path("marrow") / "vm.core"
    if case.scenario:
        dump = host.fetch(case, core)
        guest.qmp.command("stop")
        full = full_cores(lab, guest)
    else:
        full = full_cores(lab, guest)
        guest.process.kill()
        dump = host.fetch(case, core)
    return full, (core, core), dump


def dump_once(lab, case):
    """The full cores twice: without any of Marrow's programs on the host."""
    guest = Guest(lab, VM, machine_of(case)).wait_ready()
    furnish(guest, case)
    die(guest, case)
    guest.qmp.command("stop")
    full = full_cores(lab, guest)
    return full, full, None


def keep_answers(folder, answers):
    folder.mkdir(parents=True, exist_ok=True)
    for command, lines in answers.items():
        path = folder / command.replace(": ", "-").replace(" ", "-")
        path.write_text("".join(f"{line}\n" for line in lines))


def run_case(case, only_self, output):
    """The findings of a case, and what is wrong with its yardstick."""
    with Lab() as lab:
        try:
            full, marrow, dump = (dump_once if only_self else dump_twice)(lab, case)
        except Exception:
            print(lab.logs(), file=sys.stderr)
            raise
        answers = ask_both(case, full, marrow)
    if output:
        for name, answer in zip(("full", "marrow"), answers):
            keep_answers(output / case.name / name, answer)
    findings = [
        judge.compare(case, command, answers[0].get(command), answers[1].get(command), LISTED)
        for command in questions.COMMANDS
    ]
    complaints = judge.disappointments(case, answers[0])
    if dump:
        complaints += judge.wrong_source(case, dump["manifest"])
    return report.Outcome(case, tuple(findings), tuple(complaints), dump)


def choose(arguments):
    if arguments.quick:
        return [case for case in CASES if case.quick]
    unknown = set(arguments.case) - {case.name for case in CASES}
    if unknown:
        sys.exit(f"session: no case {', '.join(sorted(unknown))}; there are:\n  " + "\n  ".join(
            case.name for case in CASES))
    return [case for case in CASES if case.name in arguments.case] if arguments.case else CASES


def run_all(cases, only_self, output):
    outcomes = []
    for case in cases:
        start = time.monotonic()
        try:
            outcome = run_case(case, only_self, output)
        except Exception as error:  # the other cases still count
            outcome = report.Outcome(case, (), (f"{type(error).__name__}: {error}",), None)
        outcomes.append(outcome)
        report.show(outcome, time.monotonic() - start)
    return outcomes


def main():
    parser = argparse.ArgumentParser(description="Compares Marrow's dumps with full ones.")
    parser.add_argument("--case", action="append", default=[], help="only this one (repeatable)")
    parser.add_argument("--quick", action="store_true", help="only the quick cases")
    parser.add_argument("--self", action="store_true", help="compare the full dump with itself")
    parser.add_argument("--output", type=pathlib.Path, help="folder for what debuggers print")
    parser.add_argument("--docs", type=pathlib.Path, help="the table to write")
    arguments = parser.parse_args()

    cases = choose(arguments)
    outcomes = run_all(cases, arguments.self, arguments.output)
    findings = [finding for outcome in outcomes for finding in outcome.findings]
    whole = len(cases) == len(CASES) and not arguments.self
    if whole:
        for entry in judge.stale(LISTED, findings, [case.name for case in cases]):
            print(f"stale: '{entry.reason}' ({entry.commands} in {entry.cases}) never differed")
    good = all(outcome.good() for outcome in outcomes)
    if arguments.docs and whole and good:
        report.write_docs(arguments.docs, outcomes)
    verdicts = [finding.verdict for finding in findings]
    print(
        f"SESSION {'OK' if good else 'FAILED'} cases={len(outcomes)} commands={len(findings)}"
        f" identical={verdicts.count(Verdict.IDENTICAL)} listed={verdicts.count(Verdict.LISTED)}"
        + ("" if good else f" failed={verdicts.count(Verdict.FAILED)}")
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
