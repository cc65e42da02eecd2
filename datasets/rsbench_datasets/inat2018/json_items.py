"""Read the large JSON files of the iNaturalist competitions item by item, in little memory.

``train2018.json`` holds one object whose members are long lists; parsed whole, its 437,513
images and as many annotations are as many dictionaries. Here one item at a time is decoded from
a window of the file.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TextIO

from rsbench.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WINDOW = 1 << 20  # characters read at a time
_SPACE = " \t\r\n"
_DECODER = json.JSONDecoder()


def read_members(file: Path) -> Iterator[tuple[str, Any]]:
    """The members of the object in ``file``, the items of its lists one by one.

    Yields:
        The name of a member and its value; for a list, the name and an item, again and again.

    Raises:
        FileNotFoundError: the file does not exist.
        TargetError: the file is no JSON object, or it is cut off.
    """
    with file.open(encoding="utf-8") as stream:
        window = _Window(stream)
        try:
            yield from _members(window)
        except ValueError as error:  # JSON's and UTF-8's errors are both of this kind
            raise TargetError(
                f"the file is no complete JSON object: {error}",
                where=file,
                remedy="fetch the file again",
            ) from error


def _members(window: _Window) -> Iterator[tuple[str, Any]]:
    window.expect("{")
    if window.peek() == "}":
        return
    while True:
        name = window.value()
        if not isinstance(name, str):
            raise ValueError(f"a member is named {name!r}")
        window.expect(":")
        if window.peek() == "[":
            for item in _items(window):
                yield name, item
        else:
            yield name, window.value()
        if window.expect(",}") == "}":
            return


def _items(window: _Window) -> Iterator[Any]:
    window.expect("[")
    if window.peek() == "]":
        window.expect("]")
        return
    while True:
        yield window.value()
        if window.expect(",]") == "]":
            return


class _Window:
    """A part of a text file that moves on as values are taken from it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._text = ""
        self._at = 0
        self._ended = False

    def peek(self) -> str:
        """The next character that is not blank, left where it is; "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._fill()

    def expect(self, wanted: str) -> str:
        """Take the next character, which must be one of ``wanted``."""
        found = self.peek()
        if not found or found not in wanted:
            what = repr(found) if found else "the end of the file"
            raise ValueError(f"{what} in place of {' or '.join(wanted)}")
        self._at += 1
        return found

    def value(self) -> Any:
        """Take the next value."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                if self._ended:
                    raise
            else:
                # A number close to the edge of the window may go on behind it ("1e+|5").
                if end + 2 < len(self._text) or self._ended:
                    self._at = end
                    return value
            self._fill()

    def _fill(self) -> None:
        more = self._stream.read(_WINDOW)
        self._ended = not more
        self._text = self._text[self._at :] + more
        self._at = 0
