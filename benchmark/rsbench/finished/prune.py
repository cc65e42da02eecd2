"""How accuracy falls as the modules with the smallest gammas are removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rsbench import registry
from rsbench.errors import TargetError
from rsbench.finished.gammas import Gammas
from rsbench.folders import Folders
from rsbench.groups import ClassGroups
from rsbench.heldout import split_train
from rsbench.imagestore import open_store
from rsbench.metrics import compute_metrics
from rsbench.record import Metrics
from rsbench.spreadsheet import csv_text
from rsbench.target import SplitName, Target
from rsbench.training.evaluate import evaluate
from rsbench.training.inputs import open_target
from rsbench.training.restore import RestoredModel, constant

#: Shares of the modules that are removed.
FRACTIONS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


@dataclass(frozen=True)
class Pruned:
    """The model without its modules of smallest gamma.

    Attributes:
        removed: number of modules whose gamma was set to zero.
        modules: number of modules.
        largest: largest gamma among the removed ones, or None.
        metrics: on the images that the cell was tested on.
    """

    removed: int
    modules: int
    largest: float | None
    metrics: Metrics


def prune(restored: RestoredModel, gammas: Gammas, folders: Folders) -> list[Pruned]:
    """Test the model with 0 to 100 % of its modules removed, the smallest gammas first.

    A module whose gamma is zero adds nothing, so removing all leaves the frozen backbone with
    the trained head. The model has its own gammas again afterwards.

    Args:
        restored: the model.
        gammas: its gammas.
        folders: where the target's data lies.

    Returns:
        One entry per share in ``FRACTIONS``; shares that mean the same number of modules once.

    Raises:
        TargetError: the data is not here, or is not what the cell was trained on.
    """
    test = _Test(restored, folders)
    ascending = sorted(gammas.values, key=lambda key: gammas.values[key])
    counts = dict.fromkeys(round(share * len(ascending)) for share in FRACTIONS)
    modules = {site.key: module for site, module in restored.attachment.modules()}
    original = {key: module.gamma for key, module in modules.items()}
    zero = constant(torch.tensor(0.0, device=restored.fabric.device))
    results = []
    try:
        for count in counts:
            for key in ascending[:count]:
                modules[key].gamma = zero
            largest = gammas.values[ascending[count - 1]] if count else None
            results.append(Pruned(count, len(ascending), largest, test.metrics()))
    finally:
        for key, gamma in original.items():
            modules[key].gamma = gamma
    return results


def to_csv(results: list[Pruned]) -> str:
    """One line per number of removed modules; accuracies as fractions, undefined ones empty."""
    names = ("mean_class", "head", "medium", "tail", "overall")
    rows = [["removed", "modules", "fraction", "largest_removed_gamma", *names]]
    for each in results:
        values = [getattr(each.metrics, name) for name in names]
        fraction = f"{each.removed / each.modules:.4f}"
        numbers = ["" if value is None else f"{value:.6f}" for value in (each.largest, *values)]
        rows.append([str(each.removed), str(each.modules), fraction, *numbers])
    return csv_text(rows)


class _Test:
    """The images that the cell was tested on.

    Args:
        restored: the model.
        folders: where data and caches lie.
    """

    def __init__(self, restored: RestoredModel, folders: Folders) -> None:
        record = restored.record
        target = open_target(record.cell.target, folders)
        _check_unchanged(target, record.identity)
        recipe = record.cell.recipe
        split: SplitName = "train" if recipe.evaluate_on == "validation" else "test"
        self._restored = restored
        store = open_store(target, split, restored.stored_side, folders)
        indices = (
            split_train(target.train.labels, recipe).heldout
            if split == "train"
            else np.arange(len(target.test), dtype=np.int64)
        )
        self._indices = np.setdiff1d(indices, sorted(store.bad))
        self._reader = restored.reader(store, target.samples(split).labels)

    def metrics(self) -> Metrics:
        """Test the model as it is now."""
        restored = self._restored
        outputs = evaluate(restored.both, self._reader, self._indices, restored.view.short_side)
        groups = ClassGroups(**restored.record.groups)
        classes = len(restored.record.class_names)
        return compute_metrics(outputs.labels, outputs.predictions, groups, classes)


def _check_unchanged(target: Target, identity: Mapping[str, Any]) -> None:
    code = identity.get("code", {}).get("rsbench.datasets", "")
    if registry.class_digest(type(target)) != code:
        raise TargetError(
            f"the plugin file of {target.name} is another version than the cell was tested with",
            remedy="name the old file with --plugin",
        )
    if target.content_hash != identity["target"]["content"]:
        raise TargetError(
            f"the data of {target.name} is not what the cell was tested on: its files or labels "
            "changed",
            remedy="put the original data back, or name its folders with --base and --data-dir",
        )
