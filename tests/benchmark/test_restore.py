"""A finished cell gives back the model that it trained, or a clear reason why not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from finished import cell_of, every_method, train
from records import record_again
from safetensors.torch import load_file, save_file
from world import write_world

from rsbench.errors import CellError, CheckpointError, RecordError, ResultsFolderError
from rsbench.finished.find import FinishedCell, find_cell
from rsbench.finished.gammas import read_gammas
from rsbench.folders import Folders
from rsbench.imagestore import open_store
from rsbench.store import RunFolder
from rsbench.training.evaluate import evaluate
from rsbench.training.inputs import open_target
from rsbench.training.restore import RestoredModel, restore

CPU = torch.device("cpu")


def folders_of(cell: FinishedCell) -> Folders:
    assert cell.base is not None
    return Folders(base=cell.base)


def restored(cell: FinishedCell) -> RestoredModel:
    return restore(cell.record, cell.folder, folders_of(cell), CPU)


def logits(cell: FinishedCell) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and label logits of the restored model on the cell's test images."""
    model = restored(cell)
    target = open_target(cell.record.cell.target, folders_of(cell))
    store = open_store(target, "test", model.view.short_side, folders_of(cell))
    indices = np.arange(len(target.test))
    reader = model.reader(store, target.test.labels)
    outputs = evaluate(model.both, reader, indices, model.view.short_side)
    return outputs.predictions, outputs.logits[indices, outputs.labels]


@pytest.mark.parametrize("method", every_method())
def test_a_restored_model_gives_the_same_logits_bit_for_bit(method: str, every_cell: Path) -> None:
    cell = cell_of(every_cell, method)
    stored = pd.read_parquet(cell.folder / "predictions.parquet")
    predictions, label_logits = logits(cell)
    assert np.array_equal(predictions, stored.prediction)
    assert np.array_equal(label_logits, stored.label_logit.to_numpy())


VARIANTS = {
    "learned_scale": {"kind": "adaptformer", "scale": "learned", "rank": 3, "metapeft": True},
    "one_gamma": {"kind": "lora", "out": "sequential", "metapeft": {"granularity": "one"}},
    "some_blocks": {"kind": "vpt_deep", "prompts": 2, "blocks": "last:1", "metapeft": True},
    "released": {"kind": "adapter", "metapeft": {"mode": "released"}},
    "random": {"kind": "bitfit", "metapeft": {"gamma": "random", "spread": 0.5}},
    "fixed": {"kind": "lora", "metapeft": {"gamma": "fixed"}},
}


@pytest.fixture(scope="module")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("variants")
    write_world(folder)
    return train(folder, [{"name": name, **options} for name, options in VARIANTS.items()])


@pytest.mark.parametrize("name", VARIANTS)
def test_options_and_controls_are_restored_too(name: str, variants: Path) -> None:
    control = name in ("released", "random", "fixed")
    cell = cell_of(variants, name if control else f"{name}+metapeft")
    stored = pd.read_parquet(cell.folder / "predictions.parquet")
    assert np.array_equal(logits(cell)[1], stored.label_logit.to_numpy())


def test_the_precision_of_the_test_is_restored_too(tmp_path: Path) -> None:
    write_world(tmp_path)
    cell = cell_of(train(tmp_path, ["lora+metapeft"], precision="bf16"), "lora+metapeft")
    stored = pd.read_parquet(cell.folder / "predictions.parquet")
    assert np.array_equal(logits(cell)[1], stored.label_logit.to_numpy())
    exact = replace_precision(cell, "32")
    assert not np.array_equal(logits(exact)[1], stored.label_logit.to_numpy())


def replace_precision(cell: FinishedCell, precision: str) -> FinishedCell:
    recipe = cell.record.cell.recipe.model_copy(update={"precision": precision})
    changed = cell.record.cell.model_copy(update={"recipe": recipe})
    return replace(cell, record=cell.record.model_copy(update={"cell": changed}))


def test_nothing_of_a_restored_model_takes_gradients(every_cell: Path) -> None:
    for method in ("full", "lora+metapeft"):
        model = restored(cell_of(every_cell, method)).model
        assert not any(parameter.requires_grad for parameter in model.parameters())


def test_a_cell_is_found_by_run_and_start_of_its_id_or_by_its_folder(
    every_cell: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cell = cell_of(every_cell, "lora")
    monkeypatch.chdir(every_cell.parent.parent)  # results/ lies below it
    for reference in (f"cells/{cell.record.id[:12]}", f"results/cells/{cell.record.id}",
                      str(cell.folder), f"{cell.folder}/"):  # fmt: skip
        found = find_cell(reference)
        assert found.folder == cell.folder
        assert found.run is not None
        assert found.name == f"cells/{cell.record.id}"
        assert found.base == every_cell.parent.parent
    copy = tmp_path / "taken"
    shutil.copytree(cell.folder, copy)
    found = find_cell(str(copy))
    assert (found.run, found.base, found.name) == (None, None, cell.record.id)


def test_what_names_no_cell_is_an_error_that_lists_them(
    every_cell: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = cell_of(every_cell, "lora")
    with pytest.raises(CellError, match="no cell is called 'nothing'") as error:
        find_cell(f"{every_cell}/nothing")
    assert f"{cell.record.id}  {cell.record.cell.label}" in error.value.remedy
    monkeypatch.chdir(every_cell.parents[1])
    for run in (str(every_cell), "cells"):
        with pytest.raises(CellError, match="this is a run") as error:
            find_cell(run)
        assert cell.record.id in error.value.remedy
    with pytest.raises(CellError, match="names no cell"):
        find_cell("demo")
    with pytest.raises(ResultsFolderError, match=r"no run\.json"):
        find_cell("nowhere/3f2a")


def test_a_start_that_several_cells_share_lists_only_those(every_cell: Path) -> None:
    ids = RunFolder(every_cell).present()
    shared = next(a[0] for a in ids if sum(b[0] == a[0] for b in ids) > 1)
    with pytest.raises(CellError, match=f"several cells begin with '{shared}'") as error:
        find_cell(f"{every_cell}/{shared}")
    listed = [line.split()[0] for line in error.value.remedy.splitlines()[1:]]
    assert sorted(listed) == [each for each in ids if each[0] == shared]


@pytest.fixture
def copied(every_cell: Path, tmp_path: Path) -> FinishedCell:
    """The LoRA + MetaPEFT cell in a run of its own, to be damaged."""
    original = cell_of(every_cell, "lora+metapeft")
    run = tmp_path / "world" / "results" / "copy"
    shutil.copytree(original.folder, run / "cells" / original.record.id)
    shutil.copy(every_cell / "run.json", run)
    shutil.copy(every_cell.parents[1] / "weights.safetensors", tmp_path / "world")
    return find_cell(f"{run}/{original.record.id}")


def test_a_failed_or_untrained_cell_is_not_finished(copied: FinishedCell) -> None:
    path = copied.folder / "record.json"
    failure = {"kind": "DivergedError", "message": "the loss became nan", "traceback": ""}
    values = json.loads(path.read_text()) | {"status": "failed", "failure": failure}
    path.write_text(json.dumps(values))
    with pytest.raises(CellError, match="failed: the loss became nan"):
        find_cell(str(copied.folder))
    shutil.rmtree(copied.folder)
    assert copied.run is not None
    with pytest.raises(CellError, match=r"not finished: .*not trained yet"):
        find_cell(f"{copied.run.path}/{copied.record.id}")


def test_a_record_in_a_foreign_folder_is_refused(copied: FinishedCell) -> None:
    values = json.loads((copied.folder / "record.json").read_text())
    values["identity"]["seed"] = 9
    (copied.folder / "record.json").write_text(json.dumps(values))
    with pytest.raises(RecordError, match="settings hash to"):
        find_cell(str(copied.folder))


def test_a_cell_that_saw_other_views_asks_for_a_new_run(copied: FinishedCell) -> None:
    assert copied.record.view is not None
    view = copied.record.view.model_copy(update={"stored_side": None})
    for before in (None, view):
        old = copied.record.model_copy(update={"view": before})
        with pytest.raises(CellError, match="cut other views of images"):
            restore(old, copied.folder, folders_of(copied), CPU)


def test_full_fine_tuning_without_kept_weights_says_how_to_keep_them(tmp_path: Path) -> None:
    write_world(tmp_path)
    cell = cell_of(train(tmp_path, ["full"]), "full")
    with pytest.raises(CellError, match="were not kept") as error:
        restored(cell)
    assert "--keep-weights" in error.value.remedy
    assert "new run folder" in error.value.remedy


def test_other_weights_than_the_cell_was_trained_on_are_refused(copied: FinishedCell) -> None:
    restored(copied)
    weights = folders_of(copied).base / "weights.safetensors"
    tensors = load_file(weights)
    tensors["pos_embed"] += 1e-3
    save_file(tensors, weights)
    with pytest.raises(CheckpointError, match="other ones than the cell was trained on"):
        restored(copied)
    weights.unlink()
    with pytest.raises(CheckpointError, match="tiny_vit cannot be opened") as error:
        restored(copied)
    assert "--base" in error.value.remedy


def test_a_backbone_that_is_built_in_another_way_is_refused(copied: FinishedCell) -> None:
    changed = copied.record.model_copy(deep=True)
    changed.identity["backbone"]["architecture"]["norm_eps"] = 1e-3
    with pytest.raises(CheckpointError, match="architecture differ"):
        restore(changed, copied.folder, folders_of(copied), CPU)


@pytest.mark.parametrize("change", ["missing", "unexpected", "shape", "gamma"])
def test_trained_weights_that_do_not_fit_are_refused(copied: FinishedCell, change: str) -> None:
    path = copied.folder / "adapter.safetensors"
    tensors = load_file(path)
    if change == "missing":
        del tensors["inserted.block1_out.up"]
    elif change == "unexpected":
        tensors["inserted.block7_out.up"] = torch.zeros(2)
    elif change == "shape":
        tensors["inserted.block1_out.up"] = torch.zeros(2)
    else:
        del tensors["gamma.block1_out"]
    save_file(tensors, path)
    record_again(copied.folder)
    with pytest.raises(CheckpointError, match=r"do not fit the method.*block\d_out"):
        restored(copied)


@pytest.mark.parametrize("published", [False, True])
def test_weights_that_are_not_there_are_not_called_damaged(
    copied: FinishedCell, published: bool
) -> None:
    (copied.folder / "adapter.safetensors").unlink()
    if published:
        (copied.folder.parents[1] / "test_images").mkdir(exist_ok=True)
    said = "published copies hold no weights" if published else "holds no trained weights"
    with pytest.raises(CellError, match=said):
        restored(copied)
    with pytest.raises(CellError, match=said) as caught:
        read_gammas(copied)
    assert f"in {copied.folder / 'gamma_final.csv'}" in caught.value.remedy


def test_a_damaged_weights_file_is_an_error(copied: FinishedCell) -> None:
    path = copied.folder / "adapter.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(RecordError, match="not the file that was recorded"):
        restored(copied)
    record_again(copied.folder)  # as if it had been damaged before it was recorded
    with pytest.raises(CheckpointError, match="trained weights cannot be read"):
        restored(copied)


@pytest.mark.parametrize("name", ["head.weight", "inserted.block1_out.up", "gamma.block1_out"])
def test_weights_that_are_not_finite_are_the_fault_of_their_file(
    copied: FinishedCell, name: str
) -> None:
    path = copied.folder / "adapter.safetensors"
    tensors = load_file(path)
    tensors[name].view(-1)[0] = float("nan")
    save_file(tensors, path)
    record_again(copied.folder)
    with pytest.raises(CheckpointError, match=f"{name} holds values that are not finite") as caught:
        restored(copied)
    assert caught.value.where == str(path)
    if name.startswith("gamma."):
        with pytest.raises(CellError, match="gamma of block1_out is not finite"):
            read_gammas(copied)
