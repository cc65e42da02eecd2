"""Find a network's weights among what a file holds: under which key, behind which prefix.

Training scripts wrap both ways: a dictionary beside others (``model`` and ``model_ema``,
``student`` and ``teacher``), and keys that begin with the names of what was around the network
(``module.``, ``_orig_mod.``, ``backbone.``). One place where all keys of the network are is taken;
several are an error, because a wrong choice would show in nothing but the scores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

from torch import Tensor

from rsbench.errors import CheckpointError
from rsbench_baselines.backbones.reading import Stored, outline

#: Key of a dictionary, and prefix of the keys in it.
Place = tuple[str, str]

#: So many places are told in a message.
_TOLD = 8


def choose_weights(
    stored: Stored, wanted: Collection[str], key: str | None, prefix: str | None, path: Path
) -> dict[str, Tensor]:
    """The weights of the network in ``stored``, under the network's own keys.

    Args:
        stored: what the file holds.
        wanted: keys of the network.
        key: dotted key of the dictionary to take; "": the file itself; None: find it.
        prefix: take the keys that begin so, without it; "": the keys as they are; None: find it.
        path: file to name in messages.

    Returns:
        What lies behind the prefix, whether the network wants it or not. Where fewer than half
        of the network's keys are anywhere, the place that has most of them, so that strict
        loading names what is missing.

    Raises:
        CheckpointError: there is no such key or prefix, or the weights are there several times.
    """
    places = _places(_under(stored, key, path), wanted, prefix, path)
    fitting = [place for place, number in places.items() if number == len(wanted)]
    fitting = fitting or [place for place, number in places.items() if 2 * number >= len(wanted)]
    if len(fitting) > 1:
        raise CheckpointError(
            f"the file holds these weights {len(fitting)} times: "
            + "; ".join(f"key {key!r}, prefix {prefix!r}" for key, prefix in fitting[:_TOLD])
            + ("; ..." if len(fitting) > _TOLD else ""),
            where=path,
            remedy="say which ones with the options key and prefix; 'rsbench weights convert FILE "
            "--architecture MODEL --key ... --prefix ...' writes them to a file of their own",
        )
    name, start = fitting[0] if fitting else max(places, key=places.__getitem__)
    return {k.removeprefix(start): v for k, v in stored[name].items() if k.startswith(start)}


def _under(stored: Stored, key: str | None, path: Path) -> Stored:
    if key is None:
        return stored
    if key not in stored:
        raise CheckpointError(
            f"the file has no dictionary of tensors under the key {key!r}",
            where=path,
            remedy=f"set key to one of: {', '.join(repr(each) for each in stored)}",
        )
    return {key: stored[key]}


def _places(
    stored: Stored, wanted: Collection[str], prefix: str | None, path: Path
) -> dict[Place, int]:
    """How many keys of the network there are in each place."""
    found: dict[Place, int] = {}
    for key, tensors in stored.items():
        counts = _prefixes(tensors, wanted)
        starts = list(counts) or [""] if prefix is None else _written_out(prefix, tensors)
        found |= {(key, start): counts[start] for start in starts}
    if not found:
        held = "; ".join(f"under {key!r}: {outline(tensors)}" for key, tensors in stored.items())
        raise CheckpointError(
            f"no key begins with the prefix {prefix!r}",
            where=path,
            remedy=f"set prefix to what the keys begin with; the file holds {held}",
        )
    return found


def _prefixes(keys: Collection[str], wanted: Collection[str]) -> Counter[str]:
    """Number of the network's keys behind each prefix that ends with a dot, or behind none."""
    counts: Counter[str] = Counter()
    for key in keys:
        parts = key.split(".")
        for start in range(len(parts)):
            own = ".".join(parts[start:])
            if own in wanted:
                counts[key.removesuffix(own)] += 1
    return counts


def _written_out(prefix: str, keys: Collection[str]) -> list[str]:
    """The prefix with its dot, where it was left out; nothing where no key begins with it."""
    ways = [prefix] if prefix.endswith(".") or not prefix else [f"{prefix}.", prefix]
    return [way for way in ways if any(key.startswith(way) for key in keys)][:1]
