"""Write a trained model for use outside of rsbench."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from safetensors.torch import save
from torch import Tensor

import rsbench
from rsbench.atomic import new_folder
from rsbench.errors import CellError, ExportError
from rsbench.finished.cell_files import cell_file_reader
from rsbench.head import CosineClassifier, Head
from rsbench.record import InputView
from rsbench.training.artefacts import GAMMA_PREFIX
from rsbench.training.restore import RestoredModel

_log = logging.getLogger("rsbench")

ExportFormat = Literal["merged", "safetensors", "peft"]

#: What describes an export, beside its weights.
DESCRIPTION = "rsbench.json"
#: What uses an export without rsbench: a copy of a module of this package that imports none of it.
LOADER = "load.py"

#: How stored pixels become the network's input; the numbers stand under ``input``.
VIEW_STEPS = (
    "the short side is resized to short_side pixels, aspect kept (torchvision's Resize: bilinear "
    "with antialiasing), after one longer than stored_side was shrunk to that",
    "the centre square of image_size pixels (CenterCrop), divided by full_scale",
    "the bands that channels numbers, in its order; (x - mean) / std * multiplier + offset",
)

#: File name and content of every weights file of an export, and of every other one.
Files = tuple[dict[str, dict[str, Tensor]], dict[str, Any]]


def export(restored: RestoredModel, format_: ExportFormat, folder: Path) -> None:
    """Write the model into ``folder``, which must not exist or be empty.

    Every format holds ``head.safetensors`` or the head's weights, ``rsbench.json`` with
    what else is needed to use them (class names, normalisation, sizes, method, gammas, and
    which backbone), and ``load.py``, which does so without rsbench.

    * ``merged``: ``model.safetensors``, the backbone with everything folded in, in timm's keys.
    * ``safetensors``: ``adapter.safetensors``, what was trained, and nothing folded. Modules
      that are inserted need rsbench, so its ``load.py`` only says what to do.
    * ``peft``: ``adapter_config.json`` and ``adapter_model.safetensors`` for Hugging Face's
      ``peft`` library, and ``backbone.safetensors``, the frozen network as it was built.

    Args:
        restored: the model.
        format_: which of them.
        folder: where to write.

    Raises:
        ExportError: the format cannot express this model exactly, or the folder is in use.
    """
    weights, others = _WRITERS[format_](restored)
    others[DESCRIPTION] = describe(restored, format_)
    if folder.exists():
        try:
            folder.rmdir()  # an empty folder makes way for the whole one
        except OSError as error:
            raise ExportError(
                "the folder exists and is not empty",
                where=folder,
                remedy="name a new folder with --out",
            ) from error
    try:
        with new_folder(folder) as building:
            for name, tensors in weights.items():
                content = save(_contiguous(tensors), metadata={"format": "pt"})
                (building / name).write_bytes(content)
            for name, described in others.items():
                text = json.dumps(described, indent=2, allow_nan=False) + "\n"
                (building / name).write_text(text, encoding="utf-8")
            (building / LOADER).write_bytes(Path(__file__).with_name(LOADER).read_bytes())
    except OSError as error:
        raise ExportError(
            f"the export cannot be written: {error}",
            where=folder,
            remedy="name a folder that you may write, on a disk with space, with --out",
        ) from error


def describe(restored: RestoredModel, format_: ExportFormat) -> dict[str, Any]:
    """Everything but weights that a user of the model needs, as JSON values."""
    record, cell = restored.record, restored.record.cell
    view, steps = _reading(restored)
    network = restored.backbone.timm_network()
    return {
        "format": format_,
        "rsbench": rsbench.__version__,
        "cell": record.id,
        "label": cell.label,
        "class_names": list(record.class_names),
        "input": view.model_dump(mode="json"),
        "input_steps": [*steps, *VIEW_STEPS],
        "backbone": record.identity["backbone"],
        "network": None if network is None else asdict(network),
        "method": cell.method.model_dump(mode="json"),
        "metapeft": None if cell.metapeft is None else cell.metapeft.model_dump(mode="json"),
        "gammas": {key: gamma.tolist() for key, gamma in restored.gammas.items()},
        "head": _head_in_words(restored.model.head),
        "disclaimers": list(record.disclaimers),
    }


def _reading(restored: RestoredModel) -> tuple[InputView, tuple[str, ...]]:
    """The view, and how values of files become stored pixels, in words.

    Where the target is not here to say so, or says something else now, the weights are none the
    worse: the export, and a warning, say that.
    """
    view, target = restored.view, restored.record.cell.target
    try:
        reader = cell_file_reader(restored.record, view)
    except CellError as error:
        unknown = f"files as the target {target.name} ({target.kind}) read them: {error.what}"
        _log.warning("how files become the input is not part of the export: %s", error.what)
        return view, (unknown,)
    return view.model_copy(update={"read_as": reader.options}), reader.steps


def _merged(restored: RestoredModel) -> Files:
    state = restored.method.merged_state(restored.network, restored.attachment)
    return {"model.safetensors": state, "head.safetensors": _head(restored)}, {}


def _adapter(restored: RestoredModel) -> Files:
    gammas = {f"{GAMMA_PREFIX}{key}": gamma for key, gamma in restored.gammas.items()}
    return {"adapter.safetensors": restored.trained | gammas}, {}


def _peft(restored: RestoredModel) -> Files:
    adapter = restored.method.peft_adapter(restored.network, restored.attachment)
    files = {
        "adapter_model.safetensors": adapter.tensors,
        "backbone.safetensors": restored.network.state_dict(),
        "head.safetensors": _head(restored),
    }
    return files, {"adapter_config.json": adapter.config}


def _head(restored: RestoredModel) -> dict[str, Tensor]:
    return dict(restored.model.head.state_dict())


def _head_in_words(head: Head) -> dict[str, Any]:
    """How features become logits, with the names that the tensors have."""
    seen = "features" if head.mean is None else "(features - mean)"
    if head.deviation is not None:
        seen = f"({seen} / deviation)"
    if isinstance(head, CosineClassifier):
        formula = f"scale * normalize({seen}) @ normalize(weight).T, rows of length 1"
        return {"kind": "cosine", "scale": head.scale, "logits": formula}
    return {"kind": "linear", "logits": f"{seen} @ weight.T + bias"}


def _contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU that share no memory, as safetensors wants them."""
    return {name: tensor.to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}


_WRITERS: dict[ExportFormat, Callable[[RestoredModel], Files]] = {
    "merged": _merged,
    "safetensors": _adapter,
    "peft": _peft,
}
