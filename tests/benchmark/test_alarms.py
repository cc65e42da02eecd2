"""A cell that did not learn says so: in its record, the log, the table and the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from records import little_folder, make_record, make_run
from report_tables import finish

from rsbench.alarms import Floors, alarms
from rsbench.groups import by_thirds
from rsbench.metrics import compute_metrics
from rsbench.record import EpochLog, Metrics, Record
from rsbench.report.notes import footnotes, table_cautions, warnings
from rsbench.report.page.summary import summarise_run

if TYPE_CHECKING:
    from pathlib import Path


def log(*losses: float) -> tuple[EpochLog, ...]:
    return tuple(EpochLog(epoch=e, loss=loss, learning_rate=0.1) for e, loss in enumerate(losses))


def scored(mean: float, classes: int = 20) -> Metrics:
    """Metrics of a test of 100 images a class, this share of them right."""
    labels = np.repeat(np.arange(classes), 100)
    right = np.tile(np.arange(100) < round(100 * mean), classes)
    predictions = np.where(right, labels, (labels + 1) % classes)
    return compute_metrics(labels, predictions, by_thirds((9,) * classes), classes)


LEARNS = log(2.6, 2.0, 1.5)


@pytest.mark.parametrize(("mean", "classes"), [(0.07, 20), (0.05, 20), (0.52, 2), (0.12, 10)])
def test_accuracy_near_chance_names_chance_and_a_cure(mean: float, classes: int) -> None:
    (found,) = alarms(LEARNS, scored(mean, classes))
    assert f"{100 * mean:.1f} % is near chance ({100 / classes:.1f} %)" in found
    assert "lower learning rate" in found


@pytest.mark.parametrize(("mean", "classes"), [(0.3, 20), (0.6, 2), (0.25, 10), (0.06, 200)])
def test_accuracy_above_chance_is_no_alarm(mean: float, classes: int) -> None:
    assert alarms(LEARNS, scored(mean, classes)) == ()


def test_chance_is_that_of_the_classes_that_were_tested() -> None:
    labels = np.repeat([0, 1], 50)  # of ten classes two have test images
    metrics = compute_metrics(labels, labels, by_thirds((9,) * 10), 10)
    assert alarms(LEARNS, metrics) == ()


def test_a_loss_that_hardly_falls_or_rises_says_which_way_to_go() -> None:
    (slow,) = alarms(log(2.6, 2.5, 2.4), scored(0.3))
    assert "fell by 8 % only: a higher learning rate" in slow
    (rising,) = alarms(log(2.6, 2.5, 2.9), scored(0.3))
    assert "rose: first epoch 2.6, last 2.9: a lower learning rate" in rising
    assert alarms(log(0.30, 0.28), scored(0.97)) == ()  # it knew already
    assert alarms(log(0.60, 0.57), scored(0.9, classes=6)) == ()
    assert alarms(log(2.6), scored(0.3)) == ()  # one epoch has nothing to fall from


def test_a_cell_that_collapsed_gets_its_advice_once() -> None:
    (found,) = alarms(log(2.6, 2.9), scored(0.05))
    assert "near chance (5.0 %), and the loss rose: first epoch 2.6, last 2.9: a lower" in found


def test_a_fitted_method_has_no_loss_to_fall() -> None:
    assert alarms((), scored(0.3)) == ()
    (found,) = alarms((), scored(0.05))
    assert "check the labels" in found


class TestFloors:
    @staticmethod
    def record(method: str, mean: float, **changes: Any) -> Record:
        fitted = method == "probe"
        run = make_run(method, **changes)
        return make_record(run, mean, epochs=() if fitted else LEARNS)

    def test_a_trained_cell_below_a_fitted_one_is_found(self) -> None:
        floors = Floors([self.record("probe", 0.5), self.record("linear", 0.9)])
        found = floors.above(self.record("lora", 0.4))
        assert found is not None
        assert found.cell.method.name == "probe"
        assert floors.above(self.record("lora", 0.6)) is None

    def test_a_floor_that_comes_last_is_told_of_those_before(self) -> None:
        lora, linear = self.record("lora", 0.4), self.record("linear", 0.6)
        floors = Floors()
        assert floors.add(lora) == floors.add(linear) == []
        assert floors.add(self.record("probe", 0.5)) == [lora]
        late = self.record("adapter", 0.3)
        assert floors.add(late) == [late]

    @pytest.mark.parametrize(
        "other", [{"target": "b"}, {"backbone": "b"}, {"evaluate_on": "validation"}]
    )
    def test_other_images_or_networks_are_no_floor(self, other: dict[str, Any]) -> None:
        floors = Floors([self.record("probe", 0.5, **other)])
        assert floors.above(self.record("lora", 0.4)) is None


class TestShown:
    @pytest.fixture
    def notes(self, tmp_path: Path) -> dict[str, str]:
        alarm = "mean accuracy {} % is near chance (5.0 %): a lower learning rate usually helps"
        cells = [
            (make_run("probe"), 0.5, {}),
            (make_run("lora"), 0.4, {"epochs": LEARNS}),
            (make_run("full", seed=0), 0.06, {"epochs": LEARNS, "alarms": (alarm.format("6.0"),)}),
            (make_run("full", seed=1), 0.08, {"epochs": LEARNS, "alarms": (alarm.format("8.0"),)}),
            (make_run("adapter"), 0.6, {"epochs": LEARNS}),
        ]
        records = [make_record(run, mean, **changes) for run, mean, changes in cells]
        results = finish(little_folder(tmp_path), [run for run, _, _ in cells], records)
        return {
            "main": "\n".join(footnotes(results)),
            "tables": "\n".join(table_cautions(results)),
            "console": "\n".join(warnings(results)),
            "summary": "\n".join(summarise_run(results).cautions),
        }

    @pytest.mark.parametrize("place", ["main", "console", "summary"])
    def test_rows_with_alarms_and_rows_below_the_probe(
        self, notes: dict[str, str], place: str
    ) -> None:
        text = notes[place]
        assert place != "summary" or "**" not in text  # the page has no Markdown
        text = text.replace("**", "")
        expected = (
            "mean accuracy 6.0 or 8.0 % is near chance (5.0 %) (things / vit / full): a lower"
        )
        assert expected in text
        assert "below things / vit / probe (50.0 %)" in text
        assert "lora 40.0, full 7.0" in text
        assert "adapter 60" not in text

    def test_every_other_table_points_there(self, notes: dict[str, str]) -> None:
        assert "did not learn or are below a probe" in notes["tables"]
