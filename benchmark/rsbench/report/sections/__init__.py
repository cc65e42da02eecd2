"""The sections of a report, in its order; each module builds one.

To add a section: a module here with a ``SECTION``, and its name in ``MODULES``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rsbench.report.section import Section

MODULES = (
    "main",
    "overview",
    "statistics",
    "controls",
    "modulators",
    "gammas",
    "ablations",
    "classes",
    "confusion",
    "distances",
    "cost",
    "settings",
    "definitions",
)


def all_sections() -> tuple[Section, ...]:
    """Every section, in order."""
    modules = (import_module(f"rsbench.report.sections.{name}") for name in MODULES)
    return tuple(module.SECTION for module in modules)
