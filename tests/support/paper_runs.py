"""Invented records that pass for a reproduction of the paper: its targets, backbones and recipe.

No number in them was measured; a test states the accuracies that it wants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from records import INFO, make_record, write_run

from rsbench.cell import Cell, cell_id, identity
from rsbench.plan import CellRun
from rsbench.record import Metrics, ParameterCounts, Record
from rsbench.settings import PluginChoice, Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from rsbench.store import RunFolder

ALL_POSITIONS = ["q", "k", "v", "out", "mlp1", "mlp2"]
BACKBONES = {"dota": "in21k_vit_b16", "inat2018": "in21k_vit_b16", "fusrs25": "satmae_vit_l16"}
#: Head, medium and tail classes; of iNaturalist the sizes do not matter here.
GROUP_SIZES = {"dota": (3, 6, 6), "inat2018": (842, 4076, 3224), "fusrs25": (2, 0, 2)}

_LORA = {"rank": "rule", "alpha": 1.0, "positions": ALL_POSITIONS, "blocks": "all"}
_ADAPTER = {"rank": "rule", "alpha": 1.0, "positions": ["ffn"], "blocks": "all", "norm": True}
_OPTIONS: dict[str, dict[str, Any]] = {
    "lora": _LORA | {"init": "released", "out": "parallel"},
    "lora_qv": _LORA | {"positions": ["q", "v"]},
    "adapter": _ADAPTER,
    "adaptformer": _ADAPTER | {"scale": "fixed"},
    "bitfit": {"positions": ["ln1", "qkv", "out", "ln2", "mlp1", "mlp2"], "blocks": "all"},
    "vpt_shallow": {"prompts": 10},
    "vpt_deep": {"prompts": 10, "blocks": "all"},
    "linear": {},
}
_TARGETS: dict[str, dict[str, Any]] = {
    "dota": {"difficult": "include", "classes": None},
    "inat2018": {
        "level": "species",
        "groups": {"rule": "thresholds", "many": 100, "few": 20},
    },
    "fusrs25": {"repeats": "keep"},
}
_BACKBONE = {"image_size": None, "pooling": "class_token", "normalisation": None, "weights": None}
_METAPEFT = {
    "mode": "paper",
    "gamma": "learned",
    "granularity": "module",
    "optimizer": "adam",
    "learning_rate": 0.01,
    "warm_up_epochs": 0,
    "hypergradient": "first_order",
    "gamma_init": 1.0,
    "val_source": "fresh",
    "sampling": "plain",
    "ratio": 0.2,
}


def paper_run(
    method: str = "lora",
    target: str = "dota",
    seed: int = 0,
    metapeft: bool = False,
    *,
    target_kind: str = "",
    backbone: str = "",
    axes: Mapping[str, str] | None = None,
    target_options: Mapping[str, Any] | None = None,
    backbone_options: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    metapeft_options: Mapping[str, Any] | None = None,
    **recipe: Any,
) -> CellRun:
    """A cell of the paper's matrix; what is given differs from it."""
    kind = backbone or BACKBONES[target]
    tuned = _METAPEFT | dict(metapeft_options or {})
    cell = Cell(
        target=PluginChoice(
            name=target,
            kind=target_kind or target,
            options=_TARGETS[target] | dict(target_options or {}),
        ),
        backbone=PluginChoice(
            name=kind, kind=kind, options=_BACKBONE | dict(backbone_options or {})
        ),
        method=PluginChoice(
            name=method, kind=method, options=_OPTIONS[method] | dict(options or {})
        ),
        metapeft=PluginChoice(name="metapeft", kind="metapeft", options=tuned)
        if metapeft
        else None,
        recipe=Recipe(**recipe),
        seed=seed,
        axes=dict(axes or {}),
    )
    fields = identity(cell, f"content of {target}", INFO)
    return CellRun(cell, cell_id(fields), fields)


def paper_record(
    run: CellRun,
    tail: float = 90.0,
    mean: float = 90.0,
    head: float = 90.0,
    medium: float | None = 90.0,
    **changes: Any,
) -> Record:
    """A finished record with these accuracies, in percent."""
    target = run.cell.target.name
    medium = None if target == "fusrs25" else medium
    metrics = Metrics(
        overall=0.9,
        mean_class=mean / 100,
        head=head / 100,
        medium=None if medium is None else medium / 100,
        tail=tail / 100,
        macro_f1=0.5,
        worst_class=0.5,
        harmonic_mean=0.5,
        geometric_mean=0.5,
        per_class=(0.5,),
    )
    groups = groups_of(target)
    classes = sum(map(len, groups.values()))
    fields: dict[str, Any] = {
        "class_names": tuple(f"class {number}" for number in range(classes)),
        "groups": groups,
        "test_counts": (3,) * classes,
        "metrics": metrics,
        "parameters": ParameterCounts(
            method=165_888, head=11_520, modulators=72 if run.cell.metapeft else 0, frozen=9
        ),
    }
    return make_record(run, **{**fields, **changes})


def groups_of(target: str) -> dict[str, tuple[int, ...]]:
    """Class indices: head first, tail last."""
    ends = np.cumsum((0, *GROUP_SIZES[target])).tolist()
    names = ("head", "medium", "tail")
    return {n: tuple(range(a, b)) for n, a, b in zip(names, ends[:-1], ends[1:], strict=True)}


def dota_predictions(
    accuracy: Mapping[str, float], images: int = 100, shift: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels and predictions of a test set with exactly these accuracies by group, as fractions.

    Args:
        accuracy: by group.
        images: test images of each class.
        shift: which images are wrong moves on by this many.
    """
    labels, predictions = [], []
    for group, classes in groups_of("dota").items():
        right = round(accuracy[group] * images)
        for each in classes:
            outcome = np.roll(np.arange(images) < right, shift)
            labels.append(np.full(images, each))
            predictions.append(np.where(outcome, each, (each + 1) % 15))
    return np.concatenate(labels), np.concatenate(predictions)


def fill(
    folder: RunFolder, cells: Sequence[tuple[CellRun, Record | None]], disclaimer: str = ""
) -> RunFolder:
    """Write a run of these cells; None for one that was not run."""
    records = [record for _, record in cells if record is not None]
    write_run(folder, [run for run, _ in cells], records, disclaimer)
    return folder
