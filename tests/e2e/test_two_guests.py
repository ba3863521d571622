# SPDX-License-Identifier: Apache-2.0
"""Two guests that crash at the same moment, one with its RAM in a file, one with private RAM."""

import unittest

from scene import Scene


class TwoGuests(Scene):
    def test_both_dumps_arrive_and_are_not_mixed_up(self):
        self.watch("filed", "private")
        guests = [self.boot("filed", backing="file"), self.boot("private", backing="private")]
        described = []
        for guest in guests:
            guest.shell(f"echo 'I am {guest.name}' > /dev/kmsg")
            described.append(self.describe(guest))
        for guest in guests:
            guest.send("panic")
        for guest, words in zip(guests, described):
            dump = self.cli.wait_dump(guest.name, "PANIC")
            self.judge(dump, guest, words, expected=[f"I am {guest.name}"])


if __name__ == "__main__":
    unittest.main()
