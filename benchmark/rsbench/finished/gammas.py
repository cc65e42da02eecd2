"""The final gammas of a MetaPEFT cell: their table and spread. No torch is needed."""

from __future__ import annotations

import math
import re
import statistics
from dataclasses import dataclass

from rsbench.errors import CellError
from rsbench.finished.find import FinishedCell
from rsbench.recorded import check_recorded
from rsbench.store import without_weights
from rsbench.system import remedy_for

#: What ``Site.key`` looks like.
_KEY = re.compile(r"block(\d+)_(.+)")
_PREFIX = "gamma."
#: Known positions in the order in which a block computes them.
_POSITIONS = ("prompt", "ln1", "q", "k", "v", "qkv", "out", "attn",
              "ln2", "mlp1", "grn", "mlp2", "ffn")  # fmt: skip


@dataclass(frozen=True)
class Gammas:
    """Final gammas of one cell.

    Attributes:
        values: by key of the inserted module, in forward order; exactly the numbers that the
            model was tested with.
    """

    values: dict[str, float]

    @property
    def mean(self) -> float:
        """Arithmetic mean over the modules."""
        return statistics.fmean(self.values.values())

    @property
    def log_deviation(self) -> float | None:
        """Sample standard deviation of log gamma, or None below two modules or at gamma 0."""
        values = list(self.values.values())
        if len(values) < 2 or min(values) <= 0.0:
            return None
        return statistics.stdev(math.log(value) for value in values)

    def table(self) -> tuple[list[str], dict[int, dict[str, float]]]:
        """Positions in forward order, and the gammas by block and position."""
        positions: list[str] = []
        rows: dict[int, dict[str, float]] = {}
        for key, value in self.values.items():
            block, position = split_key(key)
            if position not in positions:
                positions.append(position)
            rows.setdefault(block, {})[position] = value
        return positions, dict(sorted(rows.items()))


def read_gammas(cell: FinishedCell) -> Gammas:
    """The final gammas of ``cell``.

    Raises:
        CellError: the trained model has none, or its weights cannot be read.
        RecordError: the weights are not those that were recorded.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if cell.record.cell.metapeft is None:
        raise CellError(
            f"{cell.title} was trained without MetaPEFT: it has no gammas",
            where=cell.folder,
            remedy="name a cell of a method with +metapeft",
        )
    path = cell.folder / "adapter.safetensors"
    lacking = without_weights(cell.folder)
    if lacking is not None:
        table = cell.folder / "gamma_final.csv"
        if table.is_file():
            lacking.remedy = f"its final gammas, to six digits, are in {table}; {lacking.remedy}"
        raise lacking
    check_recorded(cell.folder, path.name)
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CellError(
            f"the trained weights cannot be read: {error}",
            where=path,
            remedy=remedy_for(error, "train the cell again into a new run folder"),
        ) from error
    found = {
        name.removeprefix(_PREFIX): tensor
        for name, tensor in tensors.items()
        if name.startswith(_PREFIX)
    }
    if not found:
        raise CellError(
            f"no gamma acts in the trained model of {cell.title}",
            where=path,
            remedy="the controls fixed and none have no gammas; those of the released code's loop "
            "act in training alone and stand in gamma.csv",
        )
    vectors = [key for key, tensor in found.items() if tensor.size != 1]
    if vectors:
        raise CellError(
            f"the gamma of {vectors[0]} has {found[vectors[0]].size} values, not one", where=path
        )
    bad = [key for key, tensor in found.items() if not math.isfinite(tensor.item())]
    if bad:
        raise CellError(
            f"the gamma of {bad[0]} is not finite: the weights are damaged",
            where=path,
            remedy="train the cell again into a new run folder",
        )
    # float() of a float32 keeps its exact value, and repr() of that comes back exactly
    values = {key: float(found[key].item()) for key in sorted(found, key=_forward_order)}
    return Gammas(values)


def split_key(key: str) -> tuple[int, str]:
    """Block and position of a site's key, such as ``block3_q``."""
    match = _KEY.fullmatch(key)
    if match is None:
        raise ValueError(f"{key!r} is no key of a site")
    return int(match[1]), match[2]


def _forward_order(key: str) -> tuple[int, int, str]:
    """By block, then by the order of positions within one."""
    block, position = split_key(key)
    rank = _POSITIONS.index(position) if position in _POSITIONS else len(_POSITIONS)
    return block, rank, position
