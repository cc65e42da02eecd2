"""One cell of a sweep and the content hash that identifies its score."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from rsbench.settings import PluginChoice, Recipe, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rsbench.backbone import BackboneInfo

#: Raise it when a change of code changes the score of cells that are already recorded.
IDENTITY_VERSION = 4


class Cell(Settings):
    """One backbone x target x method x MetaPEFT x seed, with every setting that affects it.

    The options of each plugin are complete: defaults are filled in, so that a later change of
    a default cannot make an old result pass for a new one.
    """

    target: PluginChoice
    backbone: PluginChoice
    method: PluginChoice
    metapeft: PluginChoice | None = None
    """The MetaPEFT strategy and its options, or None for the plain method."""
    recipe: Recipe = Recipe()
    seed: Annotated[int, Field(ge=0)] = 0
    axes: dict[str, str] = Field(default_factory=dict)
    """The cell's value on each further axis of the matrix. Labels alone: they change no score
    and are no part of its identity, so that a cell is found again under another matrix."""

    @property
    def control(self) -> str:
        """What a control of MetaPEFT does with gamma ("joint", "random", ...), "" for others."""
        if self.metapeft is None or self.metapeft.kind != "metapeft":
            return ""
        return control_in(self.metapeft.options)

    @property
    def full_method(self) -> str:
        """The method as tables name it: ``lora``, ``lora+metapeft``, the control ``lora_joint``."""
        if self.metapeft is None:
            return self.method.name
        return full_method(self.method.name, self.control, self.control_is_named)

    @property
    def control_is_named(self) -> bool:
        """Whether the method has a label of its own, which a control then goes by."""
        return self.method.name != self.method.kind and self.control != "given"

    @property
    def label(self) -> str:
        """Short text for progress lines, e.g. ``aid / vit / lora+metapeft / rank=4 / seed 0``."""
        return label_of(
            self.target.name, self.backbone.name, self.full_method, self.axes, self.seed
        )

    def settings_json(self) -> str:
        """Every setting as JSON text, without the labels of the axes."""
        return self.model_dump_json(exclude={"axes"})


def control_in(options: Mapping[str, Any]) -> str:
    """What options of MetaPEFT do with gamma other than learn it, "" where they learn it."""
    if options.get("mode") == "released":
        return "released"
    gamma = options.get("gamma", "learned")
    return "" if gamma == "learned" else str(gamma)


def full_method(method: str, control: str, named: bool) -> str:
    """The name, wherever it is shown, of a method with a training strategy.

    A control is no ``+metapeft`` method: it goes by its own name. One that shares the label of
    the plain method (``--gamma-from`` and matrix-wide options make such) says what it does.

    Args:
        method: label of the method.
        control: what a control does with gamma; "" for MetaPEFT itself.
        named: whether a control has a label of its own.
    """
    if not control:
        return f"{method}+metapeft"
    return method if named else f"{method} (gamma: {control})"


def label_of(target: str, backbone: str, method: str, axes: Mapping[str, str], seed: int) -> str:
    """The label of a cell; ``method`` as ``full_method`` names it."""
    places = [f"{name}={value}" for name, value in axes.items()]
    return " / ".join((target, backbone, method, *places, f"seed {seed}"))


def identity(
    cell: Cell, target_hash: str, backbone: BackboneInfo, code: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Exactly the fields that can change the score or the labels of a cell, as JSON values.

    Paths, worker counts and devices are not among them. The target enters by its content
    hash, the backbone by its weights hash and architecture.

    Args:
        cell: the cell.
        target_hash: content hash of its target.
        backbone: facts of its backbone.
        code: digests of plugin files by entry-point group, where plugins are such files: code
            that is being worked on must not pass off old results as its own.
    """
    fields = {
        "version": IDENTITY_VERSION,
        "target": {"name": cell.target.name, "content": target_hash},
        "backbone": backbone_identity(cell.backbone.name, backbone),
        "method": cell.method.model_dump(mode="json"),
        "metapeft": None if cell.metapeft is None else cell.metapeft.model_dump(mode="json"),
        "recipe": cell.recipe.model_dump(mode="json"),
        "seed": cell.seed,
    }
    if code:
        fields["code"] = dict(sorted(code.items()))
    return fields


def backbone_identity(name: str, info: BackboneInfo) -> dict[str, Any]:
    """What identifies the backbone called ``name``, as JSON values."""
    return {
        "name": name,
        "weights": info.weights_hash,
        "image_size": info.image_size,
        "normalisation": info.normalisation.model_dump(mode="json"),
        "architecture": info.architecture,
        "bands": [info.bands.quantity, *info.bands.bands],
    }


def cell_id(fields: dict[str, Any]) -> str:
    """First 16 hexadecimal digits of the SHA-256 of ``identity(...)`` in canonical JSON."""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
