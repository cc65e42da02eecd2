"""Which blocks a method is inserted in: ``all``, ``3-5``, ``last:4``, ``all but 9-11``, a list."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rsbench.errors import PositionError

BlockChoice = str | int | tuple[int, ...]
"""As written in a matrix; block indices are 0-based."""

_FORMS = "write all, 3, 3-5, last:4, all but 9-11, or a list such as [0, 1, 2]"


def choose_blocks(choice: BlockChoice, depth: int) -> tuple[int, ...]:
    """Resolve a choice of blocks for a network of ``depth`` blocks.

    Args:
        choice: ``all``; one index; a list; ``a-b`` (both ends included); ``last:n``; or
            ``all but`` one of these.
        depth: number of blocks L.

    Returns:
        0-based block indices, ascending, without repetition.

    Raises:
        PositionError: the text has no such form, or names a block outside 0..depth-1.
    """
    if isinstance(choice, str):
        blocks = _from_text(choice.strip(), depth)
    elif isinstance(choice, int):
        blocks = (choice,)
    else:
        blocks = tuple(choice)
    outside = [block for block in blocks if not 0 <= block < depth]
    if outside or not blocks:
        raise PositionError(
            f"blocks {_written(choice)}: "
            + (f"there is no block {outside[0]}" if outside else "no block is left"),
            remedy=f"this backbone has the blocks 0 to {depth - 1}",
        )
    return tuple(sorted(set(blocks)))


def _written(choice: BlockChoice) -> str:
    """As in a matrix file."""
    return repr(list(choice) if isinstance(choice, tuple) else choice)


def _from_text(text: str, depth: int) -> Sequence[int]:
    if text == "all":
        return range(depth)
    if match := re.fullmatch(r"all but (.+)", text):
        left_out = set(choose_blocks(match[1], depth))
        return [block for block in range(depth) if block not in left_out]
    if match := re.fullmatch(r"last:(\d+)", text):
        if int(match[1]) > depth:
            raise PositionError(
                f"blocks {text!r}: there are only {depth} blocks",
                remedy=f"this backbone has the blocks 0 to {depth - 1}",
            )
        return range(depth - int(match[1]), depth)
    if match := re.fullmatch(r"(\d+)\s*-\s*(\d+)", text):
        return range(int(match[1]), int(match[2]) + 1)
    if re.fullmatch(r"\d+(\s*,\s*\d+)*", text):
        return [int(part) for part in text.split(",")]
    raise PositionError(f"blocks {text!r} cannot be read", remedy=_FORMS)
