"""When outer steps are due: spread evenly over the inner steps of their loop (section 9.1)."""

from __future__ import annotations


class Timetable:
    """Counts the inner steps of one outer loop after another.

    Attributes:
        loops: loops begun so far.
    """

    def __init__(self) -> None:
        self.loops = 0
        self._first = self._length = self._planned = self._given = 0

    def start(self, first_step: int, length: int, planned: int) -> None:
        """Begin a loop.

        Args:
            first_step: number of its first inner step, counted over the whole training.
            length: its number of inner steps.
            planned: its number of outer steps.
        """
        self.loops += 1
        self._first, self._length, self._planned, self._given = first_step, length, planned, 0

    def due_after(self, step: int) -> int:
        """Outer steps to take after inner step ``step``; each is due once."""
        done = step - self._first + 1
        due = done * self._planned // self._length - self._given
        self._given += due
        return due

    def ends_with(self, step: int) -> bool:
        """Whether inner step ``step`` is the last of the loop."""
        return step - self._first + 1 == self._length
