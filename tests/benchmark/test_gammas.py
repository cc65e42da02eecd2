"""``rsbench gammas`` and ``rsbench run --gamma-from``: the learned gammas as artefacts."""

from __future__ import annotations

import csv
import json
import math
import statistics
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from finished import cell_of, train
from safetensors.torch import load_file
from world import write_world

from rsbench.cli import main
from rsbench.errors import CellError
from rsbench.finished.freeze import take_gammas
from rsbench.finished.gammas import Gammas, read_gammas, split_key
from rsbench.finished.prune import FRACTIONS
from rsbench.insertion import Site
from rsbench.store import RunFolder


def reference(run: Path, method: str) -> str:
    return f"{run}/{cell_of(run, method).record.id}"


def saved_gammas(folder: Path) -> dict[str, torch.Tensor]:
    tensors = load_file(folder / "adapter.safetensors")
    return {k.removeprefix("gamma."): v for k, v in tensors.items() if k.startswith("gamma.")}


def test_keys_name_block_and_position() -> None:
    for block, position in ((3, "q"), (11, "mlp1"), (0, "ln2")):
        assert split_key(Site(block, position, "layer", 1, 1).key) == (block, position)


def test_spread_and_mean() -> None:
    gammas = Gammas({"block0_q": 1.0, "block0_v": math.e, "block1_q": math.e**2})
    assert gammas.log_deviation == pytest.approx(1.0)
    assert gammas.mean == pytest.approx((1 + math.e + math.e**2) / 3)
    assert gammas.table() == (
        ["q", "v"],
        {0: {"q": 1.0, "v": math.e}, 1: {"q": math.e**2}},
    )
    assert Gammas({"block0_q": 1.0}).log_deviation is None
    assert Gammas({"block0_q": 1.0, "block1_q": 0.0}).log_deviation is None


def test_the_table_shows_what_the_model_was_tested_with(
    every_cell: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = cell_of(every_cell, "lora+metapeft")
    assert main(["gammas", reference(every_cell, "lora+metapeft")]) == 0
    lines = capsys.readouterr().out.splitlines()
    header = next(i for i, line in enumerate(lines) if line.startswith("block"))
    assert lines[header].split() == ["block", "q", "k", "v", "out", "mlp1", "mlp2"]
    saved = saved_gammas(cell.folder)
    for block in (0, 1):
        shown = lines[header + 1 + block].split()
        names = ("q", "k", "v", "out", "mlp1", "mlp2")
        expected = [f"{saved[f'block{block}_{name}'].item():.3f}" for name in names]
        assert shown == [str(block), *expected]
    spread = statistics.stdev(math.log(value.item()) for value in saved.values())
    assert spread > 0.01, "the gammas have not moved"
    assert any(f"{spread:.4f}" in line for line in lines if "spread" in line)
    assert any(line.startswith("outer steps: 2") for line in lines)


@pytest.mark.parametrize(("method", "words"), [("lora", "without MetaPEFT"), ("full", "no gammas")])
def test_a_cell_without_gammas_is_an_error(
    method: str, words: str, every_cell: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gammas", reference(every_cell, method)]) == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_gammas_that_do_not_act_at_test_are_no_gammas(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The released code's loop tests with its modulators off (paper section 2.3, row 1)."""
    write_world(tmp_path)
    run = train(tmp_path, [{"name": "lora_qv", "metapeft": {"mode": "released"}}])
    assert main(["gammas", reference(run, "lora_qv (gamma: released)")]) == 2
    assert "no gamma acts in the trained model" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("method", ["lora+metapeft", "vpt_deep+metapeft"])
def test_pruning_goes_from_the_model_as_tested_to_the_frozen_backbone(
    method: str, every_cell: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = cell_of(every_cell, method)
    assert main(["gammas", reference(every_cell, method), "--prune"]) == 0
    assert "set to zero" in capsys.readouterr().out
    file = every_cell / "tables" / f"prune-{cell.record.id}.csv"
    with file.open() as stream:
        rows = list(csv.DictReader(stream))
    modules = len(saved_gammas(cell.folder))
    assert [int(row["removed"]) for row in rows] == list(
        dict.fromkeys(round(share * modules) for share in FRACTIONS)
    )
    assert cell.record.metrics is not None
    for name in ("mean_class", "head", "medium", "tail", "overall"):
        assert float(rows[0][name]) == pytest.approx(getattr(cell.record.metrics, name), abs=1e-6)
    ordered = sorted(value.item() for value in saved_gammas(cell.folder).values())
    for row in rows[1:]:
        expected = ordered[int(row["removed"]) - 1]
        assert float(row["largest_removed_gamma"]) == pytest.approx(expected, abs=1e-6)
    assert float(rows[-1]["mean_class"]) == pytest.approx(frozen_accuracy(every_cell, method))


def frozen_accuracy(run: Path, method: str) -> float:
    """Mean-class accuracy of the trained head on features of the frozen backbone."""
    from rsbench.folders import Folders
    from rsbench.imagestore import open_store
    from rsbench.metrics import compute_metrics
    from rsbench.training.inputs import open_target
    from rsbench.training.restore import restore

    cell = cell_of(run, method)
    assert cell.base is not None
    folders = Folders(base=cell.base)
    model = restore(cell.record, cell.folder, folders, torch.device("cpu"))
    model.attachment.detach()
    target = open_target(cell.record.cell.target, folders)
    store = open_store(target, "test", model.view.short_side, folders)
    reader = model.reader(store, target.test.labels)
    pictures, labels = reader.test(np.arange(len(target.test)), model.view.short_side)
    predictions = model.both(pictures)[1].argmax(dim=1)
    return compute_metrics(
        labels.numpy(), predictions.numpy(), target.groups, target.number_of_classes
    ).mean_class


def test_pruning_needs_the_data_that_was_tested_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_world(tmp_path)
    run = train(tmp_path, ["lora+metapeft"])
    (tmp_path / "test_0_0.png").write_bytes((tmp_path / "test_0_1.png").read_bytes())
    assert main(["gammas", reference(run, "lora+metapeft"), "--prune"]) == 2
    assert "not what the cell was tested on" in " ".join(capsys.readouterr().err.split())


def test_gamma_from_trains_with_exactly_those_gammas_frozen(
    every_cell: Path, tmp_path: Path
) -> None:
    write_world(tmp_path)
    source = cell_of(every_cell, "lora+metapeft")
    options = ("--gamma-from", reference(every_cell, "lora+metapeft"))
    run = train(tmp_path, ["lora", "lora+metapeft"], *options, name="transfer")
    frozen, learned = (
        saved_gammas(cell_of(run, "lora (gamma: given)").folder),
        saved_gammas(source.folder),
    )
    assert frozen.keys() == learned.keys()
    assert all(torch.equal(frozen[key], learned[key]) for key in learned)
    cell = cell_of(run, "lora (gamma: given)").record
    assert cell.id != source.record.id
    assert cell.cell.metapeft is not None
    assert cell.cell.metapeft.options["gamma"] == "given"
    assert cell.cell.metapeft.options["gammas"] == {k: v.item() for k, v in learned.items()}
    assert cell_of(run, "lora").record.id == cell_of(every_cell, "lora").record.id
    assert source.record.id in RunFolder(run).read_index().gamma_from
    assert source.record.id in (run / "tables" / "main.md").read_text()


def test_gamma_from_says_what_it_uses_and_where_the_results_go(
    every_cell: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(every_cell.parents[1])
    source = cell_of(every_cell, "lora+metapeft")
    arguments = ["run", "--matrix", "matrix.yaml", "--dry-run", "--gamma-from"]
    assert main([*arguments, f"cells/{source.record.id[:10]}"]) == 0
    assert f"gammas of {source.title}, frozen" in capsys.readouterr().out
    from rsbench.sweep.session import open_session

    session = open_session("matrix.yaml", gamma_from=str(source.folder))
    assert session.folder.path.name == f"tiny-gammas-{source.record.id[:8]}"


def test_gamma_from_needs_a_cell_with_metapeft_on_both_sides(
    every_cell: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CellError, match="no gammas"):
        take_gammas(reference(every_cell, "lora"))
    matrix = str(every_cell.parents[1] / "matrix.yaml")
    arguments = ["run", "--matrix", matrix, "--dry-run", "--only", "metapeft=false"]
    assert main([*arguments, "--gamma-from", reference(every_cell, "lora+metapeft")]) == 2
    assert "none of the cells uses MetaPEFT" in " ".join(capsys.readouterr().err.split())


def test_gammas_of_another_method_are_refused_before_anything_is_trained(
    every_cell: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_world(tmp_path)
    out = tmp_path / "out"
    arguments = ["run", "--matrix", str(tmp_path / "matrix.yaml"), "--out", str(out)]
    source = reference(every_cell, "bitfit+metapeft")
    assert main([*arguments, "--workers", "0", "--gamma-from", source]) == 2
    assert "block0_" in capsys.readouterr().err
    assert not list(out.glob("cells/*"))


def test_a_run_folder_never_mixes_gammas(
    every_cell: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    matrix = every_cell.parents[1] / "cells.yaml"
    source = reference(every_cell, "lora+metapeft")
    arguments = ["run", "--matrix", str(matrix), "--out", str(every_cell), "--only", "method=lora"]
    assert main([*arguments, "--gamma-from", source]) == 2
    assert "one table must not mix them" in " ".join(capsys.readouterr().err.split())


def test_float32_gammas_survive_the_record_bit_for_bit(every_cell: Path) -> None:
    values = read_gammas(cell_of(every_cell, "lora+metapeft")).values
    again = json.loads(json.dumps(values))
    saved = saved_gammas(cell_of(every_cell, "lora+metapeft").folder)
    assert all(torch.equal(torch.tensor(again[key]), saved[key]) for key in saved)
    assert yaml.safe_load(yaml.safe_dump(values)) == values
