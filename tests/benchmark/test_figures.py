"""Figures: words that never meet, the same files when drawn again, every kind of drawing."""

from __future__ import annotations

import io
import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from rsbench.report.artefacts import Figure
from rsbench.report.figures.bars import ClassBars, class_bars
from rsbench.report.figures.canvas import Axis, settle
from rsbench.report.figures.confusion import confusion_matrix
from rsbench.report.figures.curves import CurvePanel, Line, curves
from rsbench.report.figures.dots import Dots, dots_with_intervals
from rsbench.report.figures.heatmap import Colouring, Grid, heatmap
from rsbench.report.figures.labels import Box, place_around, shorten, shorten_all, spread
from rsbench.report.figures.render import render
from rsbench.report.figures.scatter import Point, front, scatter_with_size
from rsbench.report.figures.style import look, style
from rsbench.report.figures.trajectories import Paths, trajectories

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.figure import Figure as Drawing
    from matplotlib.text import Text

ACCURACY = Axis("accuracy, %")
LONG = "a_method_with_quite_a_long_name"


@pytest.fixture(autouse=True)
def _styled() -> Iterator[None]:
    with style():
        yield


def words(drawing: Drawing) -> list[tuple[Text, Box]]:
    """Every visible word of a figure that is not empty, with its rectangle in pixels."""
    import matplotlib.text

    drawing.draw_without_rendering()
    found = []
    for text in drawing.findobj(matplotlib.text.Text):
        if text.get_text().strip() and text.get_visible():
            box = text.get_window_extent()
            found.append((text, Box(box.x0, box.y0, box.x1, box.y1)))
    return found


def named(drawing: Drawing, names: list[str]) -> list[Box]:
    return [box for text, box in words(drawing) if text.get_text() in names]


def assert_apart(boxes: list[Box]) -> None:
    for one, other in itertools.combinations(boxes, 2):
        assert one.overlap(other) == 0.0


def assert_whole(drawing: Drawing) -> None:
    """Nothing is cut: no ink touches the edge of the figure."""
    drawing.canvas.draw()
    pixels = np.asarray(drawing.canvas.buffer_rgba())[..., :3]  # type: ignore[attr-defined]
    for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
        assert edge.min() == 255


class TestLabels:
    def test_long_names_lose_their_middle(self) -> None:
        assert shorten("short", 10) == "short"
        assert shorten("ground-track-field", 10) == "groun…ield"
        assert len(shorten("x" * 50, 24)) == 24

    def test_shortened_names_stay_different(self) -> None:
        names = [f"prefix-{'x' * 20}{n}{'y' * 20}-suffix" for n in range(3)]
        assert len(set(shorten_all(names, 20))) == 3
        assert shorten_all(["same", "same"]) == ["same", "same"]

    def test_spread_keeps_places_that_are_apart(self) -> None:
        assert spread([1.0, 5.0, 9.0], 2.0, 0.0, 10.0) == [1.0, 5.0, 9.0]

    def test_spread_moves_as_little_as_can_be_and_stays_inside(self) -> None:
        places = spread([5.0, 5.0, 5.0], 2.0, 0.0, 10.0)
        assert sorted(places) == [3.0, 5.0, 7.0]
        low = sorted(spread([0.0, 0.1, 0.2], 2.0, 0.0, 10.0))
        assert low == pytest.approx([0.0, 2.0, 4.0])
        high = sorted(spread([10.0, 9.9], 3.0, 0.0, 10.0))
        assert high == pytest.approx([7.0, 10.0])

    def test_spread_keeps_the_order(self) -> None:
        wanted = np.random.default_rng(0).uniform(0, 10, 20).tolist()
        places = spread(wanted, 0.6, 0.0, 20.0)
        assert np.argsort(places).tolist() == np.argsort(wanted).tolist()
        assert np.diff(sorted(places)).min() >= 0.6 - 1e-9

    def test_labels_around_points_do_not_meet(self) -> None:
        points = [(50.0 + 3 * n, 50.0) for n in range(6)]
        frame = Box(0.0, 0.0, 200.0, 200.0)
        boxes = place_around(points, [(30.0, 8.0)] * 6, [2.0] * 6, frame, 3.0)
        assert_apart(boxes)
        assert all(box.outside(frame) == 0.0 for box in boxes)

    def test_looks_are_all_different(self) -> None:
        looks = [(look(n).colour, look(n).marker) for n in range(64)]
        assert len(set(looks)) == 64


class TestDrawings:
    def test_names_at_the_ends_of_lines_that_collapsed_are_apart(self) -> None:
        names = [f"position {n}" for n in range(9)]
        x = [2.0**n for n in range(-4, 8)]
        lines = [
            Line(name, x, [90.0] * 6 + [7.0] * 6, [None] * 12, n) for n, name in enumerate(names)
        ]
        panel = CurvePanel("", lines, Axis("scale", 2, tuple(x)), [(7.0, "chance")])
        drawing = curves([panel], ACCURACY)
        boxes = named(drawing, [*names, "chance"])
        assert len(boxes) == 10
        assert_apart(boxes)
        assert_whole(drawing)

    def test_marks_of_a_narrow_panel_do_not_meet(self) -> None:
        x = tuple(0.000625 * 4**n for n in range(8))
        line = Line("a", x, [1.0] * 8, [None] * 8, 0)
        panels = [CurvePanel(str(n), [line], Axis("rate", 10, x)) for n in range(2)]
        drawing = curves(panels, ACCURACY)
        drawing.draw_without_rendering()
        for axes in drawing.axes:
            ticks = [tick for tick in axes.get_xticklabels() if tick.get_text()]
            boxes = [tick.get_window_extent() for tick in ticks]
            assert len(boxes) >= 3
            assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))

    @pytest.mark.parametrize("methods", [2, 14])
    def test_names_of_points_are_apart(self, methods: int) -> None:
        generator = np.random.default_rng(1)
        names = [f"{LONG[:18]}{n}" for n in range(methods)]
        x, y = generator.normal(85, 1.5, (2, methods)).tolist()
        sizes = generator.uniform(0.1, 2, methods).tolist()
        points = [Point(names[n], x[n], y[n], sizes[n], n) for n in range(methods)]
        tail = Axis("tail, %")
        drawing = scatter_with_size(points, ACCURACY, tail, "spread", [(0, 1)], title="t")
        boxes = named(drawing, names)
        assert len(boxes) == methods
        assert_apart(boxes)
        assert_whole(drawing)

    def test_points_without_size_are_said_to_have_none(self) -> None:
        points = [Point("a", 1.0, 1.0, None, 0), Point("b", 2.0, 2.0, None, 1)]
        drawing = scatter_with_size(points, ACCURACY, ACCURACY, "spread")
        assert "not known" in [text.get_text() for text, _ in words(drawing)]

    def test_the_front_is_drawn_and_its_names_are_apart(self) -> None:
        points = [Point(f"method {n}", 10.0 ** (n % 4), 80.0 + n, None, n) for n in range(8)]
        drawing = front(points, Axis("parameters", 10), ACCURACY, [4, 5, 6, 7])
        boxes = named(drawing, [point.name for point in points])
        assert len(boxes) == 8
        assert_apart(boxes)

    @pytest.mark.parametrize("sized", [True, False])
    def test_hollow_and_filled_are_in_the_legend(self, sized: bool) -> None:
        points = [Point("a", 1.0, 1.0, 0.5, 0, hollow=True), Point("b", 2.0, 2.0, 0.7, 0)]
        title = "standard deviation over seeds and settings, points"
        if sized:
            drawing = scatter_with_size(points, ACCURACY, ACCURACY, title, [(0, 1)])
        else:
            drawing = front(points, ACCURACY, ACCURACY, [0, 1])
        said = [text.get_text() for text, _ in words(drawing)]
        assert {"hollow: plain", "filled: with MetaPEFT"} <= set(said)
        legends = [each.get_window_extent() for each in drawing.legends]
        assert_apart([Box(each.x0, each.y0, each.x1, each.y1) for each in legends])

    def test_points_all_alike_have_no_legend_of_their_fill(self) -> None:
        points = [Point("a", 1.0, 1.0, None, 0), Point("b", 2.0, 2.0, None, 1)]
        assert front(points, ACCURACY, ACCURACY, [0, 1]).legends == []

    def test_both_of_a_pair_at_one_place_are_seen(self) -> None:
        points = [Point("a", 1.0, 1.0, None, 0, hollow=True), Point("b", 1.0, 1.0, None, 0)]
        for drawing in (
            front(points, ACCURACY, ACCURACY, [0]),
            scatter_with_size(points, ACCURACY, ACCURACY, "spread"),
        ):
            drawn = [each for each in drawing.axes[0].lines if each.get_marker() != "None"]
            ring, disc = sorted(drawn, key=lambda each: each.get_markerfacecolor() != "none")
            assert ring.get_markersize() > 1.3 * disc.get_markersize()

    def test_a_heatmap_writes_values_and_says_what_is_missing(self) -> None:
        values = np.array([[90.0, np.nan], [91.25, 92.0]])
        grid = Grid(values, ["q", "k"], ["1", "2"], "lora", {(0, 1): "failed"}, best=True)
        drawing = heatmap([(grid, Colouring("accuracy, %"))], "position", "depth", title="t")
        texts = [text.get_text() for text, _ in words(drawing)]
        assert {"90.0", "91.2", "92.0", "failed", "position", "depth"} <= set(texts)
        assert_whole(drawing)

    def test_small_fields_say_what_is_missing_by_a_letter(self) -> None:
        values = np.full((6, 24), 90.0)
        values[0, 0] = np.nan
        grid = Grid(values, list("abcdef"), [str(n) for n in range(24)], "", {(0, 0): "failed"})
        drawing = heatmap([(grid, Colouring("x"))], "r", "c")
        assert "F" in [text.get_text() for text, _ in words(drawing)]

    def test_differences_have_white_at_zero(self) -> None:
        grid = Grid(np.array([[0.0, 3.0], [-1.0, 2.0]]), ["a", "b"], ["c", "d"])
        drawing = heatmap([(grid, Colouring("points", "differences"))], "r", "c")
        (image,) = drawing.axes[0].get_images()
        red, green, blue, _ = image.cmap(image.norm(0.0))
        assert min(red, green, blue) > 0.95
        assert "+3.0" in [text.get_text() for text, _ in words(drawing)]

    def test_ratios_have_white_at_one(self) -> None:
        grid = Grid(np.array([[1.0, 4.0], [0.5, 2.0]]), ["a", "b"], ["c", "d"])
        drawing = heatmap([(grid, Colouring("gamma", "ratios", 2))], "r", "c")
        image = drawing.axes[0].get_images()[0]
        assert min(image.cmap(image.norm(np.log2(1.0)))[:3]) > 0.95

    def test_a_heatmap_without_any_value_is_drawn(self) -> None:
        grid = Grid(np.full((2, 2), np.nan), ["a", "b"], ["c", "d"], "", {(0, 0): "not run"}, True)
        assert_whole(heatmap([(grid, Colouring("x"))], "r", "c"))

    def test_a_line_without_dots_says_why(self) -> None:
        dots = Dots("lora", [80.0, None], [1.0, None], [1.0, None], ["", "not run"], 0)
        drawing = dots_with_intervals(["q", LONG * 2], [dots], "accuracy, %", "position")
        assert "not run" in [text.get_text() for text, _ in words(drawing)]
        assert_whole(drawing)

    def test_title_and_legend_do_not_meet(self) -> None:
        series = [Dots(f"m{n}", [1.0], [None], [None], [""], n) for n in range(4)]
        drawing = dots_with_intervals(["q"], series, "x", "y", [(1.0, "linear")], "A title")
        boxes = named(drawing, ["A title", "m0", "m1", "m2", "m3", "linear"])
        assert len(boxes) == 6
        assert_apart(boxes)

    @pytest.mark.parametrize("classes", [3, 15, 300])
    def test_bars_and_confusion_of_few_and_many_classes(self, classes: int) -> None:
        names = [f"a-class-with-a-long-name-{n}" for n in range(classes)]
        groups = (["head"] * classes + ["tail"])[1:]
        bars = ClassBars(
            "gain", [1.0] * classes, [0.5] * classes, [-2.0] * classes, [2.0] * classes
        )
        assert_whole(class_bars(names, groups, [bars, bars], "points", "band", "title"))
        assert_whole(confusion_matrix(100 * np.eye(classes), names, groups, "title"))

    def test_trajectories_are_drawn_in_panels(self) -> None:
        steps = np.arange(5)
        values = np.exp(np.random.default_rng(0).normal(0, 0.1, (5, 8)))
        panels = [Paths(f"seed {n}", steps, values, [0, 0, 1, 1, 2, 2, 3, 3]) for n in range(4)]
        assert_whole(trajectories(panels, "outer step", "gamma", "title"))


def _heat() -> Drawing:
    values = np.arange(72.0).reshape(6, 12)
    grid = Grid(values, list("abcdef"), [str(n) for n in range(12)], best=True)
    return heatmap([(grid, Colouring("x"))], "r", "c", title="t")


def _scatter() -> Drawing:
    points = [Point(f"p{n}", n % 3, n, 1.0 + n, n) for n in range(6)]
    return scatter_with_size(points, ACCURACY, ACCURACY, "size", [(0, 1)])


def picture_and_exact(drawing: Drawing) -> tuple[Image.Image, Image.Image]:
    """The PNG of a report, and what matplotlib writes."""
    rendered, exact = render(Figure("f", "t", "c", lambda: drawing, "a")), io.BytesIO()
    drawing.savefig(exact, format="png")
    return Image.open(io.BytesIO(rendered.png)), Image.open(exact)


class TestFiles:
    @pytest.mark.parametrize("draw", [_heat, _scatter])
    def test_the_same_bytes_when_drawn_again(self, draw: Callable[[], Drawing]) -> None:
        figure = Figure("f", "t", "c", draw, "a")
        first, second = render(figure), render(figure)
        assert first.png == second.png
        assert first.svg == second.svg
        assert len(first.svg) < 300_000

    def test_pictures_have_a_palette_that_keeps_white_and_their_colours(self) -> None:
        shown, exact = picture_and_exact(_scatter())
        assert shown.mode == "P"
        colours, wanted = (np.asarray(each.convert("RGB"), int) for each in (shown, exact))
        assert (colours[0, 0] == 255).all()
        assert abs(colours - wanted).mean() < 1
        assert np.quantile(abs(colours - wanted), 0.999) <= 16

    def test_colours_that_flow_into_each_other_are_all_kept(self) -> None:
        grid = Grid(np.linspace(0, 1, 36).reshape(6, 6), list("abcdef"), list("uvwxyz"))
        shown, exact = picture_and_exact(heatmap([(grid, Colouring("accuracy, %"))], "a", "b"))
        assert shown.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(shown), np.asarray(exact.convert("RGB")))

    def test_two_colour_maps_of_one_heatmap_are_both_kept(self) -> None:
        """More than a palette's 256 colours, though far fewer than flow into each other."""
        rows, columns = [str(n) for n in range(12)], [str(n) for n in range(40)]
        values = np.linspace(-1, 1, 480).reshape(12, 40)  # fields too small for numbers
        grids = [
            (Grid(values, rows, columns), Colouring("distance")),
            (Grid(values, rows, columns), Colouring("change of distance", "differences")),
        ]
        shown, exact = picture_and_exact(heatmap(grids, "a", "b"))
        exact = exact.convert("RGB")
        assert 256 < len(exact.getcolors(10**6) or ()) < 2000
        assert shown.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(shown), np.asarray(exact))

    def test_nothing_stays_behind_in_pyplot(self) -> None:
        import matplotlib.pyplot as plt

        render(Figure("f", "t", "c", _scatter, "a"))
        assert plt.get_fignums() == []

    def test_saving_leaves_the_layout_alone(self) -> None:
        drawing = _scatter()
        before = [axes.get_position().bounds for axes in drawing.axes]
        for kind in ("png", "svg"):
            drawing.savefig(io.BytesIO(), format=kind)
            assert drawing.get_layout_engine() is None
        assert [axes.get_position().bounds for axes in drawing.axes] == before

    def test_points_at_one_place_are_drawn(self) -> None:
        points = [Point(f"method {n}", 10.0, 80.0, None, n) for n in range(14)]
        drawing = front(points, ACCURACY, ACCURACY, [0])
        boxes = named(drawing, [point.name for point in points])
        assert len(boxes) == 14
        assert_apart(boxes)

    def test_settling_twice_changes_nothing(self) -> None:
        drawing = _heat()
        settle(drawing)
        before = [axes.get_position().bounds for axes in drawing.axes]
        settle(drawing)
        assert [axes.get_position().bounds for axes in drawing.axes] == before
