"""Resolve the requested precision and set up Fabric (paper sections 3 and 9.12)."""

from __future__ import annotations

import logging
from typing import Literal

import torch
from lightning.fabric import Fabric

from rsbench.errors import SettingsError

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


def resolve_precision(requested: str, device: torch.device) -> Precision:
    """The precision to run in; ``auto`` takes what the hardware does natively.

    Raises:
        SettingsError: fp16 on the CPU, which has no loss-scaled autocast.
    """
    if requested == "32":
        return "32-true"
    if requested == "bf16":
        return "bf16-mixed"
    if requested == "fp16":
        if device.type == "cpu":
            raise SettingsError("precision fp16 needs a GPU", remedy="use bf16, 32 or auto")
        return "16-mixed"
    if device.type == "cuda":
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    return "bf16-mixed" if _cpu_has_bf16() else "32-true"


def make_fabric(device: torch.device, precision: Precision) -> Fabric:
    """A Fabric for one device."""
    # Fabric announces the precision once per cell; the record says it
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric.utilities.rank_zero").setLevel(logging.WARNING)
    devices = [device.index or 0] if device.type == "cuda" else 1
    return Fabric(accelerator=device.type, devices=devices, precision=precision)


def _cpu_has_bf16() -> bool:
    # older torch cannot tell; float32 is then the safe answer
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
