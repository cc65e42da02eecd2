"""Keep some of a matrix's cells: ``--only key=value``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rsbench.cell import Cell
from rsbench.errors import SettingsError
from rsbench.matrix.labels import Labels
from rsbench.wording import did_you_mean, near_names

KEYS = ("target", "backbone", "method", "metapeft", "seed")


def parse_only(texts: Iterable[str]) -> dict[str, list[str]]:
    """Turn ``["method=lora,linear", "seed=0"]`` into values by key.

    Raises:
        SettingsError: a text without ``=``, or no value.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        key, equals, values = text.partition("=")
        listed = _split([values])
        if not equals or not listed:
            raise SettingsError(
                f"--only {text}: this is not key=value", remedy="for example --only method=lora"
            )
        found.setdefault(key, []).extend(listed)
    return found


def filter_cells(
    cells: Sequence[Cell],
    only: Mapping[str, Sequence[str]],
    seeds: Sequence[int] | None = None,
) -> tuple[Cell, ...]:
    """The cells for which every key has one of its values.

    Args:
        cells: what ``expand`` returned.
        only: values by key (target, backbone, method, metapeft, seed, or an axis of the
            matrix); a value may itself be several with commas between. ``method=lora`` keeps it
            with and without MetaPEFT, ``method=lora+metapeft`` only with.
        seeds: seeds to keep, or None for all.

    Raises:
        SettingsError: an unknown key, a value that no cell has, or no cell that has all.
    """
    wanted = {key: _split(values) for key, values in only.items()}
    if seeds is not None:
        wanted["seed"] = [
            text for text in wanted.get("seed", map(str, seeds)) if _is_in(text, seeds)
        ]
    axes = dict.fromkeys(name for cell in cells for name in cell.axes)
    for key, values in wanted.items():
        _check_key(key, (*KEYS, *axes))
        _check_values(key, values, cells)
    kept = tuple(
        cell
        for cell in cells
        if all(set(values) & _names(cell, key) for key, values in wanted.items())
    )
    if not kept:
        asked = " ".join(f"--only {key}={','.join(values)}" for key, values in wanted.items())
        raise SettingsError(f"no cell is left: {asked}", remedy="ask for less at once")
    return kept


def _is_in(text: str, seeds: Sequence[int]) -> bool:
    return text in {str(seed) for seed in seeds}


def _split(values: Iterable[str]) -> list[str]:
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _names(cell: Cell, key: str) -> set[str]:
    """The values of ``key`` that mean this cell."""
    labels = Labels.of(cell)
    if key == "method":
        return set(labels.method_names)
    if key == "metapeft":
        return {"true" if labels.metapeft else "false"}
    if key in KEYS:
        return {str(getattr(labels, key))}
    return {cell.axes[key]} if key in cell.axes else set()


def _check_key(key: str, known: Sequence[str]) -> None:
    if key in known:
        return
    listed = f"keys: {', '.join(known)}"
    near = did_you_mean(key, known)
    raise SettingsError(
        f"--only {key}=...: unknown key", remedy=f"{near} {listed}" if near else listed
    )


def _check_values(key: str, values: Sequence[str], cells: Sequence[Cell]) -> None:
    found = dict.fromkeys(name for cell in cells for name in sorted(_names(cell, key)))
    known = sorted(found) if key in KEYS else list(found)  # values of an axis: in its order
    for value in values:
        if value not in known:
            raise SettingsError(
                f"--only {key}={value}: no cell of this matrix has it",
                remedy=near_names(value, known),
            )
