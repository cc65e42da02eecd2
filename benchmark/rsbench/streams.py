"""Independent random streams, so that one more draw in one place changes nothing elsewhere."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def stream(seed: int, name: str, *keys: int) -> np.random.Generator:
    """A numpy generator for ``name`` and integer ``keys``, independent of all others.

    A method and its MetaPEFT version see the same streams (paper section 9.3): the order of
    samples, their augmentation and the initial values depend on the seed alone.
    """
    return np.random.default_rng([seed, zlib.crc32(name.encode()), *keys])


def torch_stream(seed: int, name: str, *keys: int) -> torch.Generator:
    """The same for torch, on the CPU."""
    import torch

    generator = torch.Generator()
    generator.manual_seed(int(stream(seed, name, *keys).integers(2**63 - 1)))
    return generator
