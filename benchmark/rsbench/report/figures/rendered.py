"""A drawn figure, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsbench.atomic import write_file
from rsbench.store import explained

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.report.artefacts import Figure


@dataclass(frozen=True)
class Rendered:
    """A figure in both formats.

    Attributes:
        figure: what it is.
        png: the PNG file.
        svg: the SVG file.
        missing: letters in it that no font of this machine has.
    """

    figure: Figure
    png: bytes
    svg: bytes
    missing: str = ""


def write_figure(rendered: Rendered, folder: Path) -> list[Path]:
    """Write both files, and return their names.

    Raises:
        ResultsFolderError: the folder cannot be written.
    """
    name = rendered.figure.name
    contents = {folder / f"{name}.png": rendered.png, folder / f"{name}.svg": rendered.svg}
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in contents.items():
            write_file(file, content)
    return list(contents)


def missing_remark(letters: str) -> str:
    """What to say of letters that no font has; "" where there are none."""
    if not letters:
        return ""
    named = [each if each.isprintable() else f"U+{ord(each):04X}" for each in letters[:5]]
    more = f" and {len(letters) - 5} more" if len(letters) > 5 else ""
    return (
        f"figures show boxes for letters of names that no font here has ({' '.join(named)}{more}): "
        "install one that has them (for Chinese, say, Noto Sans CJK)"
    )
