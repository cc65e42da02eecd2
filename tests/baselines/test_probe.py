"""The probe: what it minimises, and a cell that is fitted instead of trained."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from finished import cell_of, train
from numpy.typing import NDArray
from rich.console import Console
from safetensors.torch import load_file
from torch import Tensor
from world import TRAIN, matrix, write_world

from rsbench.cli import main
from rsbench.cost.process import ThisProcess
from rsbench.cost.results import Effort
from rsbench.cost.session import run_cost
from rsbench.finished.find import FinishedCell
from rsbench.head import LinearClassifier
from rsbench.losses import LogitAdjustedLoss
from rsbench.sweep.devices import Resources
from rsbench.sweep.session import open_session
from rsbench_baselines import probe as probe_module
from rsbench_baselines.backbones.checkpoint import Checkpoint
from rsbench_baselines.probe import Probe, ProbeOptions

COUNTS = (60, 25, 10)


def drawn(counts: tuple[int, ...] = COUNTS) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Overlapping classes far from the origin, each feature on a scale of its own."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(counts)), counts)
    places = rng.normal(size=(len(counts), 6))
    features = 20.0 + (places[labels] + rng.normal(size=(len(labels), 6))) * 10.0 ** np.arange(
        -3, 3
    )
    return features.astype(np.float32), labels


def adjustment_of(counts: tuple[int, ...], tau: float = 1.0) -> NDArray[np.float64]:
    return tau * np.log(np.array(counts) / sum(counts))


def fit(
    counts: tuple[int, ...] = COUNTS,
    adjustment: NDArray[np.float64] | None = None,
    notes: list[str] | None = None,
    **options: Any,
) -> LinearClassifier:
    features, labels = drawn(counts)
    shift = np.zeros(len(counts)) if adjustment is None else adjustment
    said = [] if notes is None else notes
    return Probe(ProbeOptions(**options)).fit(features, labels, shift, said.append)


def minimised(strength: float, counts: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Weights and biases at the minimum of the adjusted loss, found by torch alone."""
    features, labels = drawn(counts)
    exact = features.astype(np.float64)
    seen = torch.from_numpy((exact - exact.mean(axis=0)) / exact.std(axis=0))
    known = torch.from_numpy(labels)
    weight = torch.zeros(len(counts), 6, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(len(counts), dtype=torch.float64, requires_grad=True)
    shift = torch.from_numpy(adjustment_of(counts))
    solver = torch.optim.LBFGS([weight, bias], max_iter=2000, tolerance_grad=1e-10,
                               tolerance_change=0, line_search_fn="strong_wolfe")  # fmt: skip

    def loss() -> Tensor:
        solver.zero_grad()
        logits = seen @ weight.T + bias + shift
        fits = torch.nn.functional.cross_entropy(logits, known, reduction="sum")
        total = strength * fits + 0.5 * weight.square().sum()
        total.backward()
        return total

    solver.step(loss)
    return weight.detach(), bias.detach()


@pytest.mark.parametrize("strength", [0.1, 1.0])
def test_it_is_at_the_minimum_of_the_logit_adjusted_loss(strength: float) -> None:
    head = fit(adjustment=adjustment_of(COUNTS), C=strength)
    weight, bias = minimised(strength, COUNTS)
    torch.testing.assert_close(head.weight.detach().double(), weight, rtol=0, atol=1e-3)
    offsets = head.bias.detach().double()  # a constant added to all of them changes nothing
    torch.testing.assert_close(offsets - offsets.mean(), bias - bias.mean(), rtol=0, atol=5e-3)


def test_with_equal_counts_the_adjustment_changes_no_prediction() -> None:
    features = torch.from_numpy(drawn((30, 30, 30))[0])
    plain = fit((30, 30, 30))(features)
    adjusted = fit((30, 30, 30), adjustment_of((30, 30, 30)))(features)
    torch.testing.assert_close(plain.softmax(dim=1), adjusted.softmax(dim=1))


def test_two_classes_have_the_probabilities_of_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    counts = (40, 15)
    features, labels = drawn(counts)
    seen = StandardScaler().fit_transform(features.astype(np.float64))
    expected = LogisticRegression(tol=1e-8, max_iter=5000).fit(seen, labels).predict_proba(seen)
    found = fit(counts)(torch.from_numpy(features)).softmax(dim=1)
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-4)


@pytest.mark.filterwarnings("error")
def test_a_fit_that_does_not_converge_is_noted_and_no_warning_escapes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notes: list[str] = []
    fit(notes=notes)
    assert notes == []
    monkeypatch.setattr(probe_module, "ITERATIONS", 2)
    fit(notes=notes)
    (note,) = notes
    assert note.startswith("the probe's fit: lbfgs failed to converge after 2 iteration(s)")


@pytest.mark.parametrize("present", [[0, 2], [1]])
def test_classes_without_an_image_are_never_predicted(present: list[int]) -> None:
    features, labels = drawn()
    some = np.isin(labels, present)
    head = Probe(ProbeOptions()).fit(features[some], labels[some], np.zeros(3), lambda text: None)
    predictions = head(torch.from_numpy(features)).argmax(dim=1)
    assert set(predictions.tolist()) == set(present)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the probe alone on the tiny world; its cache lies in ``cache`` beside it."""
    folder = tmp_path_factory.mktemp("probe")
    write_world(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RSBENCH_CACHE", str(folder / "cache"))
        return train(folder, ["probe"])


@pytest.fixture
def cell(finished: Path) -> FinishedCell:
    return cell_of(finished, "probe")


def test_the_record_says_that_nothing_was_trained(cell: FinishedCell) -> None:
    record = cell.record
    assert record.epochs == ()
    assert record.parameters is not None
    assert (record.parameters.method, record.parameters.head) == (0, 3 * (16 + 1))
    assert record.timing is not None
    assert record.timing.train_images_per_second == 0
    assert record.environment is not None
    assert record.environment.packages["scikit-learn"] != "not installed"
    saved = load_file(cell.folder / "adapter.safetensors")
    assert saved.keys() == {"head.weight", "head.bias", "head.mean", "head.deviation"}


def test_it_is_fitted_to_the_view_that_it_is_tested_on(finished: Path, cell: FinishedCell) -> None:
    """Fitted anew to the cached features of train, it predicts what the record says."""
    cached = {}
    for file in (finished.parents[1] / "cache" / "features").glob("*.npz"):
        with np.load(file) as archive:
            cached[len(archive["features"])] = archive["features"]
    assert set(cached) == {sum(TRAIN), 18}, "one view of train and one of test, and no other"
    labels = np.repeat(np.arange(3), TRAIN)
    shift = LogitAdjustedLoss(TRAIN).adjustment.double().numpy()
    head = Probe(ProbeOptions()).fit(cached[sum(TRAIN)], labels, shift, lambda text: None)
    stored = pd.read_parquet(cell.folder / "predictions.parquet")
    logits = head(torch.from_numpy(cached[18])).detach().numpy()
    assert np.array_equal(logits.argmax(axis=1), stored.prediction)


def test_cross_entropy_leaves_the_intercept_as_it_is(finished: Path, tmp_path: Path) -> None:
    write_world(tmp_path)
    biases = {}
    for loss in ("logit_adjustment", "cross_entropy"):
        values = matrix() | {"methods": ["probe"], "seeds": [0], "recipe": {"loss": loss}}
        del values["metapeft"]
        file, out = tmp_path / f"{loss}.yaml", tmp_path / loss
        file.write_text(yaml.safe_dump(values))
        assert main(["run", "--matrix", str(file), "--out", str(out), "--workers", "0"]) == 0
        (saved,) = out.glob("cells/*/adapter.safetensors")
        biases[loss] = load_file(saved)["head.bias"].double()
    difference = (biases["cross_entropy"] - biases["logit_adjustment"]).numpy()
    np.testing.assert_allclose(difference, adjustment_of(TRAIN), atol=1e-5)


def test_seeds_change_nothing(tmp_path: Path) -> None:
    write_world(tmp_path)
    file, out = tmp_path / "seeds.yaml", tmp_path / "out"
    values = matrix() | {"methods": ["probe"]}
    del values["metapeft"]
    file.write_text(yaml.safe_dump(values))
    assert main(["run", "--matrix", str(file), "--out", str(out), "--workers", "0"]) == 0
    saved = [file.read_bytes() for file in out.glob("cells/*/adapter.safetensors")]
    assert len(saved) == 2
    assert saved[0] == saved[1]


def test_metapeft_has_nothing_to_modulate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_world(tmp_path)
    file.write_text(yaml.safe_dump(matrix() | {"methods": ["probe+metapeft"]}))
    assert main(["run", "--matrix", str(file), "--dry-run"]) == 2
    assert "nothing to modulate" in capsys.readouterr().err


def test_a_backbone_without_sites_takes_the_methods_that_insert_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Checkpoint, "sites", lambda self, network: ())
    write_world(tmp_path)
    out = train(tmp_path, ["linear", "probe"])
    assert len(list(out.glob("cells/*/record.json"))) == 2


@pytest.mark.parametrize("images", [None, 2])
def test_its_cost_is_measured_without_steps(tmp_path: Path, images: int | None) -> None:
    write_world(tmp_path)
    values = matrix() | {"methods": ["linear", "probe"], "seeds": [0]}
    del values["metapeft"]
    file, out = tmp_path / "cost.yaml", tmp_path / "cost.csv"
    file.write_text(yaml.safe_dump(values))
    quiet = Console(file=io.StringIO())
    session = open_session(str(file), cache=tmp_path / "cache", console=quiet)
    effort, cpu = Effort(rounds=1, images=images), Resources(("cpu",), threads=1, in_process=True)
    assert run_cost(session, out, effort, cpu, place=ThisProcess(), messages=quiet) == 0
    linear, probe = csv.DictReader(out.read_text().splitlines())
    assert (probe["ms_per_inner_step"], probe["images_per_second"]) == ("", "")
    assert probe["trainable_parameters"] == str(3 * 17)
    assert probe["error"] == ""
    assert linear["ms_per_inner_step"] != ""
    stored = json.loads(out.with_suffix(".json").read_text())["variants"][1]
    assert stored["rounds"][0]["seconds"] > 0
