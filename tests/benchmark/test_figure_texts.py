"""Names of users in figures: plain text in every script, whatever letters they hold."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from distance_runs import DistanceRun
from matplotlib import font_manager
from records import write_predictions
from report_tables import on_axes

from rsbench.dataset.contact_sheet import _font
from rsbench.dataset.histogram import class_histogram
from rsbench.groups import by_thirds
from rsbench.report.artefacts import Figure
from rsbench.report.figures import letters
from rsbench.report.figures.render import render
from rsbench.report.write import write_report
from rsbench.target import Split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rsbench.store import RunFolder
    from rsbench.target import Target

#: Formulas that matplotlib cannot read, and one that it could.
FORMULA = r"$\no^{formula$ $x^2$ \$5 {_%&#"
WATER = "水"


@pytest.fixture(autouse=True)
def no_system_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same fonts on every machine: those that come with matplotlib."""
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    monkeypatch.setattr(font_manager.fontManager, "ttflist", list(font_manager.fontManager.ttflist))
    letters._fonts_with.cache_clear()
    yield
    letters._fonts_with.cache_clear()


@pytest.fixture
def font(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed font with one letter."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for corner in ((100, 700), (900, 700), (900, 0)):
        pen.lineTo(corner)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "water"])
    builder.setupCharacterMap({ord(WATER): "water"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "water": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "water": (1000, 100)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Water", "styleName": "Regular"})
    builder.setupOS2(usWeightClass=400)
    builder.setupPost()
    file = tmp_path / "Water-Regular.ttf"
    builder.save(file)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [str(file)])
    return file


def named_run(path: Path, name: str) -> RunFolder:
    """A run with nearly every kind of figure in which every text of a user holds ``name``."""
    run = DistanceRun(path)
    fields = {"class_names": tuple(f"{name} {number}" for number in range(6))}
    axis = f"axis {name}"
    places = []
    for number, scale in enumerate(("1", "2", name)):
        for method in ("linear", "lora"):
            for metapeft in (False, True)[: 1 + (method == "lora")]:
                for seed in range(3):
                    label = f"{method} {name}"
                    run.add(
                        label,
                        0.3 + 0.1 * number,
                        seed,
                        (0.5, 1.0, 0.25 * number),
                        noise=0.1,
                        record=fields,
                        kinds={"method": method},
                        metapeft=metapeft,
                        options={"scale": number},
                        target=f"target {name}",
                        backbone=f"vit {name}",
                    )
                    places.append({axis: scale})
    run.write(axes={axis: ("1", "2", name)})
    for record in run.records:
        guesses = np.roll(run.labels, 3)
        write_predictions(run.folder, record, run.labels, guesses)
    on_axes(run.folder, places)
    return run.folder


def test_names_are_no_formulas(tmp_path: Path) -> None:
    written = write_report(named_run(tmp_path, FORMULA))
    assert written.page
    drawn = {built.section.name for built in written.report.sections if built.figures}
    assert drawn >= {"overview", "ablations", "statistics", "confusion", "distances"}
    assert written.missing == ""
    assert "boxes" not in written.text


def test_letters_that_no_font_has_are_one_remark(tmp_path: Path) -> None:
    written = write_report(named_run(tmp_path, f"{WATER}\ue000"), only=["confusion"])
    assert written.missing == f"{WATER}\ue000"
    assert written.text.count("figures show boxes for letters") == 1
    assert f"({WATER} U+E000)" in written.text


def title(text: str) -> Figure:
    def draw() -> object:
        from rsbench.report.figures.canvas import blank

        figure, (axes,) = blank(2, 1)
        axes.set_title(text)
        return figure

    return Figure("name", "title", draw=draw, caption="", alt="")  # type: ignore[arg-type]


def test_a_letter_comes_from_a_font_that_has_it(font: Path) -> None:
    rendered = render(title(WATER))
    assert rendered.missing == ""
    assert letters.lacking(f"a{WATER}\ue000") == "\ue000"
    assert letters.font_file(WATER) == font
    assert render(title(f"{WATER}\ue000")).missing == "\ue000"


def test_figures_without_such_letters_stay_as_they_are(font: Path) -> None:
    before = render(title("water"))
    render(title(WATER))
    assert font.exists()
    assert render(title("water")).svg == before.svg


def test_the_pictures_of_a_data_set_take_the_same_letters(font: Path) -> None:
    labels = np.array([0, 0, 1], dtype=np.int64)
    split = Split(("a", "b", "c"), labels)
    target = SimpleNamespace(
        name=FORMULA,
        class_names=(FORMULA, WATER),
        number_of_classes=2,
        groups=by_thirds((2, 1)),
        train=split,
    )
    assert class_histogram(cast("Target", target)).startswith(b"\x89PNG")
    assert Path(_font(WATER).path) == font  # type: ignore[arg-type, union-attr]
    assert _font("Zürich").getbbox("Zürich")[2] > 0
