"""Choices of blocks."""

from __future__ import annotations

import pytest

from rsbench.errors import PositionError
from rsbench.where import BlockChoice, choose_blocks


@pytest.mark.parametrize(
    ("choice", "blocks"),
    [
        ("all", tuple(range(12))),
        (3, (3,)),
        ((0, 1, 2), (0, 1, 2)),
        ("3-5", (3, 4, 5)),
        ("last:4", (8, 9, 10, 11)),
        ("all but 9-11", tuple(range(9))),
        ("1, 1, 0", (0, 1)),
    ],
)
def test_every_form(choice: BlockChoice, blocks: tuple[int, ...]) -> None:
    assert choose_blocks(choice, 12) == blocks


@pytest.mark.parametrize("choice", [12, "3-12", (0, -1), "last:13", "first three", "all but all"])
def test_a_wrong_choice_says_which_blocks_exist_or_how_to_write_it(choice: BlockChoice) -> None:
    with pytest.raises(PositionError, match=r"0 to 11|last:4"):
        choose_blocks(choice, 12)
