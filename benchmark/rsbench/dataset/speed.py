"""How fast batches are fed from decoded images: without any network, on the CPU."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch

from rsbench.backbone import Normalisation
from rsbench.batches import BatchReader
from rsbench.imagestore import open_store
from rsbench.training.precision import make_fabric, resolve_precision

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rsbench.folders import Folders
    from rsbench.settings import Recipe
    from rsbench.target import Progress, Target

_WARM_UP = 0.2  # share of the time that is not counted
_TRAINED = 4  # images in a step of the network that feeding is compared with


def measure_speed(
    target: Target,
    folders: Folders,
    recipe: Recipe,
    image_size: int,
    seconds: float,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Read random batches of the training images, with and without augmentation.

    Beside them stands how fast a frozen ViT-B/16 goes forward and back on this CPU: training any
    adapter of it is slower, so feeding that is many times as fast costs nothing.

    Args:
        target: the target.
        folders: where its decoded images lie.
        recipe: how images are kept, cut and batched.
        image_size: side of the network's input, pixels.
        seconds: how long each way is measured.
        threads: of torch; None for its default.
        progress: shows the decoding, where that is still to be done.

    Returns:
        Lines of text: images per second, and what they were.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    batch_size = recipe.batch_size
    short_side = recipe.test_short_side(image_size)
    store = open_store(target, "train", recipe.stored_short_side(image_size), folders, progress)
    channels = target.imagery.channels
    reader = BatchReader(
        store,
        target.train.labels,
        image_size=image_size,
        normalisation=Normalisation(mean=(0.5,) * channels, std=(0.5,) * channels),
        augmentation=recipe.augmentation,
        device=torch.device("cpu"),
        full_scale=target.imagery.full_scale,
    )
    good = np.delete(np.arange(len(store), dtype=np.int64), sorted(store.bad))
    batches = _batches(good, batch_size)
    random = np.random.default_rng(1)

    plain = _rate(lambda: len(reader.test(next(batches), short_side)[0]), seconds)
    augmented = _rate(lambda: len(reader.train(next(batches), random)[0]), seconds)
    side = 16 * max(1, round(image_size / 16))
    trained = _training_speed(side)
    kept = "from decoded images" if store.decoded else "decoded at every use"
    return [
        f"{target.name}: batches of {batch_size} at {image_size} pixels (short side "
        f"{short_side}), {kept}, {torch.get_num_threads()} threads",
        f"without augmentation: {plain:,.0f} images/s",
        f"with augmentation:    {augmented:,.0f} images/s",
        f"a frozen ViT-B/16 at {side} pixels, forward and backward: {trained:,.1f} images/s; "
        f"feeding with augmentation is {augmented / trained:,.0f} times as fast",
    ]


def _training_speed(side: int) -> float:
    """Images per second of a frozen ViT-B/16 with random weights, forward and backward."""
    import timm

    network = timm.create_model("vit_base_patch16_224", num_classes=0, img_size=side)
    network.requires_grad_(False)
    images = torch.randn(_TRAINED, 3, side, side, requires_grad=True)
    cpu = torch.device("cpu")

    def step() -> int:
        network(images).sum().backward()
        return _TRAINED

    with make_fabric(cpu, resolve_precision("auto", cpu)).autocast():
        return _rate(step, seconds=2.0)


def _batches(indices: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    """Batches of shuffled indices without end, as training draws them."""
    order = np.random.default_rng(0)
    while True:
        shuffled = order.permutation(indices)
        for start in range(0, len(shuffled), size):
            yield shuffled[start : start + size]


def _rate(read: Callable[[], int], seconds: float) -> float:
    """Images per second of ``read``, which reads a batch and says how many it had."""
    _images_in(read, seconds * _WARM_UP)
    start = time.perf_counter()
    images = _images_in(read, seconds)
    return images / (time.perf_counter() - start)


def _images_in(read: Callable[[], int], seconds: float) -> int:
    end, images = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        images += read()
    return images
