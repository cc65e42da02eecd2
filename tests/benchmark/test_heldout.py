"""The held-out slice: when it exists, what it leaves out (section 9.8)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import world
import yaml
from typer.testing import CliRunner

from rsbench.cli import app
from rsbench.errors import SettingsError
from rsbench.heldout import split_train, stratified_slice
from rsbench.settings import Recipe

LABELS = np.repeat([0, 1, 2], [8000, 3000, 9]).astype(np.int64)
SMALL = np.repeat([0, 1, 2], [300, 50, 6]).astype(np.int64)


def test_auto_stops_early_only_with_a_thousand_held_out_images() -> None:
    large = split_train(LABELS, Recipe())
    assert large.early_stopping
    assert len(large.heldout) == 1100
    small = split_train(SMALL, Recipe())
    assert not small.early_stopping
    assert len(small.heldout) == 0
    assert len(small.train) == len(SMALL)
    assert "35 images" in small.note


def test_the_slice_is_stratified_and_spares_rare_classes() -> None:
    heldout = stratified_slice(LABELS, 0.1)
    assert np.bincount(LABELS[heldout], minlength=3).tolist() == [800, 300, 0]


def test_train_and_slice_partition_the_training_samples() -> None:
    split = split_train(SMALL, Recipe(early_stopping="on"))
    both = np.concatenate([split.train, split.heldout])
    assert np.sort(both).tolist() == list(range(len(SMALL)))
    assert split.early_stopping


def test_the_slice_depends_on_the_target_alone() -> None:
    one = split_train(SMALL, Recipe(early_stopping="on", epochs=3))
    other = split_train(SMALL, Recipe(early_stopping="on", epochs=7, learning_rate=0.3))
    np.testing.assert_array_equal(one.heldout, other.heldout)


def test_validation_scores_the_slice_and_says_so() -> None:
    split = split_train(SMALL, Recipe(evaluate_on="validation", heldout_fraction=0.2))
    assert len(split.heldout) == 70
    assert not split.early_stopping
    assert "not on the test set" in split.note


@pytest.mark.parametrize(
    ("counts", "recipe", "said"),
    [
        ((9, 9, 5), {"evaluate_on": "validation"}, "evaluate_on: validation"),
        ((9, 9, 5), {"early_stopping": "on"}, "early_stopping: on"),
        ((24, 10, 5), {"early_stopping": "on", "heldout_fraction": 0.01}, "is 0.01"),
        ((24, 10, 5), {"evaluate_on": "validation", "heldout_fraction": 0.97}, "left of forest"),
    ],
)
@pytest.mark.parametrize("more", [["--dry-run"], []])
def test_a_slice_that_cannot_be_is_refused_before_work_starts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    counts: tuple[int, ...],
    recipe: dict[str, object],
    said: str,
    more: list[str],
) -> None:
    monkeypatch.setattr(world, "TRAIN", counts)
    world.write_world(tmp_path)
    document = world.matrix() | {"methods": ["linear"], "recipe": recipe}
    del document["metapeft"]
    file = tmp_path / "m.yaml"
    file.write_text(yaml.safe_dump(document))
    words = ["run", "--matrix", str(file), "--out", str(tmp_path / "out"), "--workers", "0"]
    result = CliRunner().invoke(app, [*words, *more])
    assert isinstance(result.exception, SettingsError), result.output
    assert result.exception.what.startswith("plots: ")
    assert said in result.exception.what
    assert "heldout_fraction" in result.exception.remedy
    assert not list(tmp_path.glob("out/cells/*"))
