"""The little markup that notes and introductions have: ``**bold**`` and back-quoted names."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_MARKS = re.compile(r"(\*\*.+?\*\*|`[^`]+`)", re.DOTALL)


def marked(text: str) -> Markup:
    """``text`` as HTML: everything is escaped, and the marks become elements."""
    pieces = (_piece(part) for part in _MARKS.split(text))
    return Markup("").join(pieces)


def _piece(part: str) -> Markup:
    if part.startswith("**") and part.endswith("**") and len(part) > 4:
        return Markup("<strong>{}</strong>").format(part[2:-2])
    if part.startswith("`") and part.endswith("`") and len(part) > 2:
        return Markup("<code>{}</code>").format(part[1:-1])
    return escape(part)
