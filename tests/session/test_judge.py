# SPDX-License-Identifier: Apache-2.0
"""The judge itself: that it cannot be content with too little."""

import unittest

import judge
from cases import CASES, Case
from judge import Verdict
from listed import LISTED, Listed, frames_that_are_known

CASE = Case("one", "panic", "PANIC", "the panic line", "its_function", sleepers=0)
ENTRY = Listed("crash: ps", "one", "a reason", lines="^SECRET")


def verdict(full, marrow, listed=(ENTRY,), command="crash: ps"):
    return judge.compare(CASE, command, full, marrow, listed).verdict


class Compare(unittest.TestCase):
    def test_equal_lines_are_identical(self):
        self.assertIs(verdict(["a", "b"], ["a", "b"]), Verdict.IDENTICAL)

    def test_any_other_line_fails(self):
        for marrow in (["a"], ["a", "b", "c"], ["b", "a"], ["a", "b "], [], None):
            with self.subTest(marrow):
                self.assertIs(verdict(["a", "b"], marrow), Verdict.FAILED)

    def test_a_command_that_no_debugger_came_to_fails(self):
        self.assertIs(verdict(None, None), Verdict.FAILED)
        self.assertIs(verdict([], []), Verdict.IDENTICAL)

    def test_a_listed_difference_needs_its_command_and_all_its_lines(self):
        self.assertIs(verdict(["SECRET 1"], ["SECRET 2"]), Verdict.LISTED)
        self.assertIs(verdict(["SECRET 1"], ["other"]), Verdict.FAILED)
        self.assertIs(verdict(["SECRET 1"], ["SECRET 2"], command="crash: log"), Verdict.FAILED)

    def test_a_diff_is_short_and_says_what_it_leaves_out(self):
        full = [f"line {number}" for number in range(200)]
        finding = judge.compare(CASE, "crash: ps", full, ["none"], ())
        self.assertEqual(len(finding.diff), judge.DIFF_LINES + 1)
        self.assertRegex(finding.diff[-1], "and [0-9]+ lines more")


class KnownFrames(unittest.TestCase):
    def test_only_what_follows_a_module_in_the_same_trace_is_left_out(self):
        trace = ["of 1:", "#0  f (a.c:1)", "#1  0xffffffffc02bf141", "#2  g (b.c:1)", "of 2:", "#0  h"]
        self.assertEqual(frames_that_are_known(trace), [*trace[:3], *trace[4:]])
        self.assertEqual(frames_that_are_known(trace[4:]), trace[4:])
        self.assertEqual(frames_that_are_known([]), [])


class Stale(unittest.TestCase):
    def test_an_entry_that_met_no_difference_is_stale(self):
        met = judge.compare(CASE, "crash: ps", ["SECRET 1"], ["SECRET 2"], (ENTRY,))
        unmet = judge.compare(CASE, "crash: ps", ["same"], ["same"], (ENTRY,))
        self.assertEqual(judge.stale((ENTRY,), [met], ["one"]), [])
        self.assertEqual(judge.stale((ENTRY,), [unmet], ["one"]), [ENTRY])

    def test_an_entry_whose_cases_did_not_run_is_not(self):
        self.assertEqual(judge.stale((ENTRY,), [], ["another"]), [])


class Content(unittest.TestCase):
    def test_a_session_that_fails_alike_on_both_disappoints(self):
        missing = judge.disappointments(CASE, {"crash: log": ["crash: cannot open core"]})
        self.assertIn("crash: log: no 'the panic line' in the full dump", missing)
        self.assertIn("crash: bt -a: no 'its_function' in the full dump", missing)
        self.assertIn("drgn: tasks: only 0 in the full dump", missing)


    def test_a_dump_made_another_way_disappoints(self):
        self.assertEqual(judge.wrong_source(CASE, {"table_source": "TABLE_SOURCE_LIVE"}), [])
        self.assertTrue(judge.wrong_source(CASE, {"table_source": "TABLE_SOURCE_DERIVED"}))


class Table(unittest.TestCase):
    def test_the_cases_cover_what_they_promise(self):
        self.assertEqual({case.cpus for case in CASES}, {1, 2, 4})
        self.assertEqual({case.memory_mib for case in CASES}, {512, 1024, 2048, 4096})
        self.assertEqual(len({case.package for case in CASES}), 2)
        self.assertEqual(len({case.scenario for case in CASES}), 10)
        self.assertEqual(len({case.name for case in CASES}), len(CASES))

    def test_each_entry_covers_some_case(self):
        for entry in LISTED:
            self.assertTrue(judge.stale((entry,), [], [case.name for case in CASES]), entry)


if __name__ == "__main__":
    unittest.main()
