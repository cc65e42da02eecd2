"""Figures of the section "distances": what is drawn, for which cells, and what cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from distance_runs import DistanceRun
from report_tables import on_axes

from rsbench.report.artefacts import Absent, Figure
from rsbench.report.drawn import drawn_cells
from rsbench.report.figures.render import render
from rsbench.report.figures.style import style
from rsbench.report.results import load_results
from rsbench.report.sections import distances
from rsbench.report.sections.distances import SECTION, bars, plane
from rsbench.report.sections.distances.labels import in_order
from rsbench.report.sections.distances.plane import project, thin_out
from rsbench.report.tables.layout import METHODS

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.report.artefacts import Artefact
    from rsbench.report.results import RunResults

KINDS = ("distance_bars", "distance_matrix", "embedding", "distance_gain")


@pytest.fixture
def run(tmp_path: Path) -> DistanceRun:
    return DistanceRun(tmp_path)


def drawn(results: RunResults) -> dict[str, Artefact]:
    """Figures of the section by name, and what stands in their place."""
    return {e.name: e for e in SECTION.build(results) if e.name.startswith(KINDS)}


def figure(results: RunResults, name: str) -> Figure:
    found = drawn(results)[name]
    assert isinstance(found, Figure)
    return found


def fill(run: DistanceRun, methods: tuple[str, ...] = ("linear", "lora"), **more: object) -> None:
    for method in methods:
        run.add(method, noise=0.4, accuracy=[0.5, 0.75, 1.0, 0.25, 0.5, 1.0], **more)  # type: ignore[arg-type]
        if method not in ("linear", "full"):
            run.add(method, apart=0.6, noise=0.4, metapeft=True, **more)  # type: ignore[arg-type]


def test_each_setting_has_figures_of_its_own(run: DistanceRun) -> None:
    places = []
    for rate in ("0.1", "0.01"):
        before = len(run.runs)
        fill(run, learning_rate=float(rate))
        places += [{"rate": rate}] * (len(run.runs) - before)
    run.write(axes={"rate": ("0.1", "0.01")})
    results = on_axes(run.folder, places)
    found = drawn(results)
    assert set(found) == {
        "distance_bars",
        *(f"{kind}_rate_{rate}" for kind in KINDS[1:] for rate in ("0_1", "0_01")),
    }
    for name, artefact in found.items():
        sketch(artefact)
        if name.endswith("_0_01"):
            assert "rate=0.01" in artefact.title
    assert len(drawn_cells(results)) == 4


def sketch(found: Artefact) -> None:
    """Draw without writing files, which takes most of the time."""
    assert isinstance(found, Figure)
    with style():
        assert found.draw().axes


def test_all_four_are_drawn_for_two_methods(run: DistanceRun) -> None:
    fill(run)
    found = drawn(run.write())
    assert list(found) == list(KINDS)
    for each in found.values():
        sketch(each)


def test_all_methods_give_the_same_files_when_rebuilt(run: DistanceRun) -> None:
    fill(run, METHODS)
    first, again = drawn(run.write()), drawn(load_results(run.folder))
    assert list(first) == list(KINDS)
    for name, each in first.items():
        other = again[name]
        assert isinstance(each, Figure)
        assert isinstance(other, Figure)
        one, two = render(each), render(other)
        assert (one.png, one.svg) == (two.png, two.svg)
        assert (each.caption, each.alt) == (other.caption, other.alt)


def test_several_targets_have_figures_of_their_own_up_to_a_bound(
    run: DistanceRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distances, "MOST_TRANSFERS", 2)
    for target in ("a", "b", "c"):
        fill(run, target=target)
    found = drawn(run.write())
    assert [name for name in found if name.startswith("distance_bars")] == [
        "distance_bars_a_vit",
        "distance_bars_b_vit",
    ]
    (more,) = [e for e in SECTION.build(load_results(run.folder)) if e.name == "distance_figures"]
    assert isinstance(more, Absent)
    assert "vit → c" in more.reason


class TestBars:
    def test_controls_and_the_linear_probe_have_no_bars(self, run: DistanceRun) -> None:
        fill(run)
        run.add("lora_joint", metapeft=True, record={"strategy": {"control": "joint"}})
        rows = distances.measure_run(run.write()).rows
        (only,) = bars.gather(rows)
        assert only.name == "lora"
        assert only.plain is not None
        assert only.tuned is not None

    def test_more_settings_than_fit_are_left_to_the_table(
        self, run: DistanceRun, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bars, "MOST", 1)
        fill(run, ("linear", "lora", "bitfit"))
        found = drawn(run.write())["distance_bars"]
        assert isinstance(found, Absent)
        assert "2 methods and settings" in found.reason

    def test_the_message_is_from_the_data(self, run: DistanceRun) -> None:
        run.add("lora", apart=0.6)
        run.add("bitfit", apart=0.4)
        text = figure(run.write(), "distance_bars").alt
        assert (
            "tail classes: 0.200 in the frozen backbone, from 0.400 (bitfit) to 0.600 (lora)"
            in (text)
        )

    def test_other_settings_of_a_method_have_bars_of_their_own(self, run: DistanceRun) -> None:
        run.add("lora", learning_rate=0.1)
        run.add("lora", learning_rate=0.2)
        names = [each.name for each in bars.gather(distances.measure_run(run.write()).rows)]
        assert len(names) == len(set(names)) == 2


class TestChoice:
    def test_lora_stands_for_the_methods(self, run: DistanceRun) -> None:
        fill(run, ("linear", "full", "bitfit", "lora"))
        found = figure(run.write(), "distance_matrix")
        assert "lora, seed 0" in found.caption
        assert found.alt.startswith("With lora, ")

    def test_else_the_first_method_that_is_neither_linear_nor_full(self, run: DistanceRun) -> None:
        fill(run, ("linear", "full", "bitfit", "adapter"))
        assert "bitfit, seed 0" in figure(run.write(), "distance_matrix").caption

    def test_published_runs_keep_the_images_that_are_drawn(self, run: DistanceRun) -> None:
        probe = run.add("linear")
        run.add("linear", seed=1)
        run.add("lora")
        tuned = run.add("lora", metapeft=True)
        run.add("bitfit", metapeft=True)
        assert drawn_cells(run.write()) == {probe.id, tuned.id}

    def test_a_linear_probe_alone_has_no_adapted_features(self, run: DistanceRun) -> None:
        run.add("linear", noise=0.4)
        found = drawn(run.write())
        assert set(found) == {"distance_matrix", "embedding"}
        assert isinstance(found["distance_matrix"], Absent)
        assert isinstance(found["embedding"], Figure)


class TestMatrix:
    def test_words_at_a_colour_bar_stand_nearer_to_it_than_to_the_next_panel(
        self, run: DistanceRun
    ) -> None:
        fill(run)
        found = figure(run.write(), "distance_matrix")
        with style():
            drawing = found.draw()
            drawing.draw_without_rendering()
            _, _, _, means, _, bar = drawing.axes
            words = bar.yaxis.label.get_window_extent()
            numbers = max(each.get_window_extent().x1 for each in bar.get_yticklabels())
        assert bar.yaxis.label.get_text() == "change of distance"
        assert means.get_window_extent().x0 - words.x1 > 4 * (words.x0 - numbers)


class TestAbsent:
    def test_features_of_images_that_were_not_kept(self, run: DistanceRun) -> None:
        fill(run)
        results = run.write()
        for record in run.records:
            path = run.folder.cell(record.id) / "features.npz"
            with np.load(path) as arrays:
                kept = {n: arrays[n] for n in arrays if n not in ("features_after", "labels")}
            np.savez(path, **kept)  # type: ignore[arg-type]
        found = drawn(results)
        assert isinstance(found["embedding"], Absent)
        assert "were not kept" in found["embedding"].reason
        assert isinstance(found["distance_matrix"], Figure)

    def test_no_linear_probe(self, run: DistanceRun) -> None:
        run.add("lora", noise=0.4)
        found = drawn(run.write())
        assert isinstance(found["distance_gain"], Absent)
        embedded = found["embedding"]
        assert isinstance(embedded, Figure)
        assert "the frozen backbone's features were not kept" in embedded.caption

    def test_one_class(self, tmp_path: Path) -> None:
        run = DistanceRun(tmp_path, classes=1)
        for method in ("linear", "lora"):
            run.add(method, noise=0.4)
        found = drawn(run.write())
        assert "distance_matrix" not in found
        for each in found.values():
            if isinstance(each, Figure):
                sketch(each)

    def test_empty_groups_and_classes_without_images(self, run: DistanceRun) -> None:
        run.labels = run.labels[run.labels != 2]
        groups = {"head": (0, 1, 2), "medium": (), "tail": (3, 4, 5)}
        fill(run, record={"groups": groups})
        for each in drawn(run.write()).values():
            sketch(each)


class TestGain:
    def test_the_title_says_whether_the_interval_leaves_out_zero(self, run: DistanceRun) -> None:
        run.add("linear", accuracy=[0.0] * 6)
        apart = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
        run.add("lora", apart, accuracy=[0.0, 0.25, 0.5, 0.75, 1.0, 1.0])
        text = figure(run.write(), "distance_gain").alt
        assert "lora, 6 classes: rho = +0.99" in text
        assert "leaves out zero" in text

    def test_no_correlation_is_said_where_all_gains_are_equal(self, run: DistanceRun) -> None:
        run.add("linear")
        run.add("lora")
        assert "no rho: all values of one of the two are equal" in (
            figure(run.write(), "distance_gain").alt
        )


class TestPlane:
    def test_components_are_those_of_the_covariance(self) -> None:
        draw = np.random.default_rng(0)
        features = draw.normal(size=(200, 5)) * [3.0, 2.0, 1.0, 0.5, 0.2] + 4.0
        found = project(features, np.zeros(200, dtype=np.int64))
        unit = features / np.linalg.norm(features, axis=1, keepdims=True)
        values = np.linalg.eigvalsh(np.cov(unit.T))[::-1]
        assert found.explained == pytest.approx(values[:2] / values.sum())
        assert found.points.var(axis=0, ddof=1) == pytest.approx(values[:2])
        assert abs(np.corrcoef(found.points.T)[0, 1]) < 1e-9

    def test_the_sign_does_not_depend_on_the_order_of_images(self) -> None:
        features = np.random.default_rng(1).normal(size=(60, 7)) + 1.0
        order = np.random.default_rng(2).permutation(60)
        labels = np.zeros(60, dtype=np.int64)
        points = project(features, labels).points
        assert project(features[order], labels).points == pytest.approx(points[order])

    def test_one_image_and_one_direction(self) -> None:
        labels = np.array([0, 1])
        assert np.isfinite(project(np.ones((2, 3)), labels).points).all()
        assert project(np.ones((2, 1)), labels).explained == (0.0, 0.0)

    def test_many_images_are_thinned_out_class_by_class(self) -> None:
        labels = np.repeat([0, 1, 2], [600, 300, 2])
        kept = thin_out(labels, most=90)
        assert np.bincount(labels[kept]).tolist() == [59, 29, 1]
        assert np.array_equal(kept, np.unique(kept))
        assert len(thin_out(labels, most=902)) == 902

    def test_the_bound_is_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        labels = np.repeat(np.arange(10), 400)
        found = project(np.random.default_rng(0).random((4000, 3)), labels)
        assert len(found.points) <= plane.MOST_IMAGES
        assert found.images == 4000


def test_classes_go_by_group_and_then_by_frequency(run: DistanceRun) -> None:
    groups = {"head": (4,), "medium": (), "tail": (0, 1)}
    counts = (9, 3, 50, 1, 2, 60)
    record = run.add("lora", record={"groups": groups})
    record = record.model_copy(update={"train_counts": counts})
    assert in_order(record, [0, 1, 2, 4, 5]) == [
        (4, "head"),
        (0, "tail"),
        (1, "tail"),
        (5, ""),
        (2, ""),
    ]
