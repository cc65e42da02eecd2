"""Whether the network may be used, and what a reader can do without it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

VARIABLES = ("RSBENCH_OFFLINE", "HF_HUB_OFFLINE")
"""Either of them switches the network off."""
_TRUE = frozenset({"1", "true", "yes", "on"})


def offline() -> bool:
    """Whether the user forbids the network (``RSBENCH_OFFLINE=1`` or ``HF_HUB_OFFLINE=1``)."""
    return any(os.environ.get(name, "").strip().lower() in _TRUE for name in VARIABLES)


def by_hand(url: str, path: Path) -> str:
    """How to put the file from ``url`` where it is looked for."""
    return f"download {url} on any machine, save it as {path}, and run this again"
