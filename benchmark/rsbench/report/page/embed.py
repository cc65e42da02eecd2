"""Data and code inside the page: JSON that stays text, equal parts stored once, hashes for CSP."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

#: What stands as it is: neither HTML (quotes, "&") nor a URI ("%", "#") reads more into it.
_PLAIN = " !$*+,-./:;<=>?@[]^_`{|}~"
#: Columns shorter than this are not worth a dictionary.
_SHORT = 8


def json_text(value: Any) -> Markup:
    r"""Compact JSON that is safe inside ``<script>``.

    ``<`` becomes ``\u003c``, so that no text can end the element or begin a comment, and
    everything beyond ASCII is escaped, line separators (U+2028) among it.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


def packed(values: Sequence[Any]) -> Any:
    """A column as a list, or, where values repeat, as the distinct ones and their places.

    Args:
        values: strings, numbers or None, all hashable.
    """
    places = {value: number for number, value in enumerate(dict.fromkeys(values))}
    if len(values) < _SHORT or 2 * len(places) > len(values):
        return list(values)
    return {"values": list(places), "at": [places[value] for value in values]}


class Shared:
    """Values that several cells have in common, each stored once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[str, int] = {}
        self._made: dict[Hashable, int] = {}

    def place(self, value: Any) -> int:
        """Where ``value`` (of JSON types) stands in ``values``; equal values share a place."""
        key = json.dumps(value)
        if key not in self._places:
            self._places[key] = len(self.values)
            self.values.append(value)
        return self._places[key]

    def once(self, key: Hashable, make: Callable[[], Any]) -> int:
        """Where the value made for ``key`` stands; it is made for the first of equal keys."""
        if key not in self._made:
            self._made[key] = self.place(make())
        return self._made[key]


class Anchors:
    """Names as ids of the page: letters, digits, "-" and "_", each used once."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def of(self, name: str) -> str:
        """The id for the next thing called ``name``."""
        plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name) or "unnamed"
        anchor, number = plain, 1
        while anchor in self._used:
            number += 1
            anchor = f"{plain}-{number}"
        self._used.add(anchor)
        return anchor


def csp_hash(code: str) -> str:
    """The source expression that allows exactly this inline script or style sheet."""
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def data_uri(content: bytes, kind: str) -> str:
    """``content`` as a URI of its own.

    Args:
        content: the file.
        kind: its media type, e.g. "image/png".
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def svg_uri(svg: bytes) -> Markup:
    """A drawing as a URI of its own, shorter than in base 64, for an attribute in quotes."""
    return Markup(f"data:image/svg+xml,{quote(svg, safe=_PLAIN)}")
