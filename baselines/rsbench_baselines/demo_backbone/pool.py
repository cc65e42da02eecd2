"""The pool of source images that pretraining draws from, with the targets of the teacher."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsbench_baselines.demo_backbone.source import SourceWorld
from rsbench_baselines.demo_backbone.teacher import GRID

CHUNK = 2000
"""Images rendered, and given to the teacher, at a time."""

PICTURE_SIZE = 64
"""Height and width of a pool image, pixels; larger than the input, so that crops stay sharp."""

Tokens = Callable[[NDArray[np.uint8]], Tensor]


@dataclass(frozen=True)
class Pool:
    """Source images with their labels and, if there is a teacher, its targets.

    Attributes:
        pictures: RGB, shape (N, 3, 64, 64), uint8.
        labels: Classes, shape (N,).
        class_targets: Standardised class tokens of the teacher, shape (N, 384).
        patch_targets: Principal components of its patch tokens, shape (N, C, 6, 6), half precision.
    """

    pictures: Tensor
    labels: Tensor
    class_targets: Tensor | None = None
    patch_targets: Tensor | None = None

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)


def render_chunk(world: SourceWorld, seed: int, chunk: int, count: int) -> tuple[
    NDArray[np.uint8], NDArray[np.int64]
]:  # fmt: skip
    """Draw one chunk of the pool.

    Args:
        world: Source classes.
        seed: Seed of the pool.
        chunk: Number of the chunk; chunks share no image.
        count: Images, at most `CHUNK`.

    Returns:
        Pictures, shape (count, 64, 64, 3), and labels, shape (count,).
    """
    labels = np.random.default_rng([seed, chunk]).integers(0, world.num_classes, CHUNK)[:count]
    return world.render_many(labels, seed, first=chunk * CHUNK, size=PICTURE_SIZE), labels


def make_pool(
    world: SourceWorld,
    seed: int,
    count: int,
    tokens: Tokens | None,
    components: int,
    cache: Path | None = None,
) -> Pool:
    """Draw the pool and compute the targets of the teacher.

    Args:
        world: Source classes.
        seed: Seed of the pool.
        count: Images N.
        tokens: Maps pictures to teacher tokens, shape (N, 37, 384); None for no teacher.
        components: Principal components kept of a patch token.
        cache: Folder that keeps the tokens between runs; use one folder a teacher.

    Returns:
        The pool.
    """
    pictures, labels, classes, patches = [], [], [], []
    basis: _Basis | None = None
    for chunk in range(-(-count // CHUNK)):
        drawn, classes_drawn = render_chunk(world, seed, chunk, min(CHUNK, count - chunk * CHUNK))
        pictures.append(torch.from_numpy(drawn))
        labels.append(torch.from_numpy(classes_drawn))
        if tokens is None:
            continue
        name = f"classes{world.num_classes}_seed{seed}_chunk{chunk}_{len(drawn)}"
        found = _cached_tokens(tokens, drawn, cache, name)
        basis = basis or _fit_basis(found[:, 1:], components)
        classes.append(found[:, 0])
        patches.append(basis.project(found[:, 1:]))
    images = torch.cat(pictures).permute(0, 3, 1, 2).contiguous()
    if tokens is None:
        return Pool(images, torch.cat(labels))
    return Pool(images, torch.cat(labels), _standardise(torch.cat(classes)), torch.cat(patches))


def _cached_tokens(
    tokens: Tokens, pictures: NDArray[np.uint8], cache: Path | None, name: str
) -> Tensor:
    path = None if cache is None else cache / f"{name}.npy"
    if path is not None and path.is_file():
        return torch.from_numpy(np.load(path)).float()
    found = tokens(pictures)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, found.numpy())
    return found.float()


def _standardise(values: Tensor) -> Tensor:
    return (values - values.mean(dim=0)) / values.std(dim=0)


@dataclass(frozen=True)
class _Basis:
    """Leading principal components of the patch tokens, half whitened."""

    mean: Tensor
    std: Tensor
    directions: Tensor

    def project(self, tokens: Tensor) -> Tensor:
        """Map tokens, shape (N, 36, 384), to maps, shape (N, C, 6, 6), half precision."""
        projected = ((tokens - self.mean) / self.std) @ self.directions
        return projected.transpose(1, 2).reshape(len(tokens), -1, GRID, GRID).half()


def _fit_basis(tokens: Tensor, components: int) -> _Basis:
    flat = tokens.flatten(0, 1)
    mean, std = flat.mean(dim=0), flat.std(dim=0)
    flat = (flat - mean) / std
    variance, directions = torch.linalg.eigh(flat.T @ flat / len(flat))
    variance, directions = variance.flip(0)[:components], directions.flip(1)[:, :components]
    # The fourth root of the variance: between raw components, where the first few rule, and
    # whitened ones, where the noise of the last counts as much as they do.
    directions = directions * variance.pow(-0.25)
    scale = (flat @ directions).square().mean().rsqrt()
    return _Basis(mean, std, directions * scale)
