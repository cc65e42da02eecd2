"""The files of CIFAR-100, through torchvision.

They are pickles, which can run any code when they are loaded: torchvision opens them only when
their checksums are those of the genuine files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench.errors import NotPreparedError, TargetError
from rsbench.fetch import RemoteFile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FOLDER = "cifar-100-python"
FILES = ("train", "test", "meta")
NUMBER_OF_CLASSES = 100
# fmt: off
CLASSES = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle",
    "bottle", "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle",
    "caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch",
    "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox",
    "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion",
    "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom",
    "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree",
    "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road",
    "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake",
    "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle",
    "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
)
# fmt: on
"""Class names in label order, as the files have them."""


@dataclass(frozen=True, eq=False)
class CifarImages:
    """One file of images.

    Attributes:
        pixels: uint8, shape (images, 32, 32, 3).
        labels: fine label per image, int64, shape (images,).
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def choose(self, rows: NDArray[np.int64]) -> CifarImages:
        """The images of ``rows``, in that order."""
        return CifarImages(self.pixels[rows], self.labels[rows])


def archive() -> RemoteFile:
    """Address and checksum of the archive, as torchvision states them."""
    from torchvision.datasets import CIFAR100

    return RemoteFile(CIFAR100.filename, CIFAR100.url, md5=CIFAR100.tgz_md5)


def read_release(root: Path) -> tuple[tuple[str, ...], CifarImages, CifarImages]:
    """Names of the fine labels in label order, training images and test images.

    Raises:
        NotPreparedError: a file is not there.
        TargetError: a file is not the genuine one.
    """
    train, test = (_open(root, train=each) for each in (True, False))
    return tuple(test.classes), _images(train), _images(test)


def _images(stored: Any) -> CifarImages:
    labels = np.array(stored.targets, dtype=np.int64)
    return CifarImages(np.ascontiguousarray(stored.data), labels)


def _open(root: Path, *, train: bool) -> Any:
    """Torchvision's data set."""
    from torchvision.datasets import CIFAR100

    for name in FILES:
        file = root / FOLDER / name
        if not file.is_file():
            raise NotPreparedError("the file is not there", where=file)
    try:
        return CIFAR100(root, train=train, download=False)
    except RuntimeError as error:  # its only one: a checksum differs
        raise TargetError(
            f"a file is damaged, or no file of CIFAR-100 ({error})",
            where=root / FOLDER,
            remedy="delete the folder and prepare the data again",
        ) from error
