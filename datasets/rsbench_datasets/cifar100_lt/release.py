"""The files of CIFAR-100 as torchvision lays them out, read without trusting them.

They are pickles, which can run any code when they are loaded. This reader lets them name
arrays of numpy and nothing else, so that a file that was tampered with is an error.
"""

from __future__ import annotations

import pickle
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
#: Address and checksum are torchvision's.
ARCHIVE = RemoteFile(
    "cifar-100-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    md5="eb9058c3a382ffc7106e4002c42a8d85",
)
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
SIDE = 32
"""Width and height of every image in pixels."""

_ALLOWED = frozenset(
    {
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),  # how pickles of Python 3 in an old protocol spell bytes
    }
)
_MEND = "delete the folder and prepare the data again"


@dataclass(frozen=True, eq=False)
class CifarImages:
    """One file of images.

    Attributes:
        pixels: uint8, shape (images, 3072): 32 x 32 values of red, then of green and blue.
        labels: fine label per image, int64, shape (images,).
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def choose(self, rows: NDArray[np.int64]) -> CifarImages:
        """The images of ``rows``, in that order."""
        return CifarImages(self.pixels[rows], self.labels[rows])

    def image(self, row: int) -> NDArray[np.uint8]:
        """One image: uint8, shape (32, 32, 3)."""
        planes = self.pixels[row].reshape(3, SIDE, SIDE)
        return np.ascontiguousarray(planes.transpose(1, 2, 0))


def read_images(root: Path, split: str) -> CifarImages:
    """The images of the file ``train`` or ``test`` below ``root``.

    Raises:
        NotPreparedError: the file is not there.
        TargetError: it is damaged, holds something else, or would run code.
    """
    file = root / FOLDER / split
    content = _load(file)
    pixels, labels = (_field(file, content, key) for key in ("data", "fine_labels"))
    _require(
        isinstance(pixels, np.ndarray)
        and pixels.dtype == np.uint8
        and pixels.ndim == 2
        and pixels.shape[1] == 3 * SIDE * SIDE,
        file,
        "its images are not rows of 3072 bytes",
    )
    _require(
        isinstance(labels, list)
        and len(labels) == len(pixels)
        and all(type(each) is int and 0 <= each < NUMBER_OF_CLASSES for each in labels),
        file,
        f"its {len(pixels)} images do not have a fine label of 0 to 99 each",
    )
    return CifarImages(pixels, np.array(labels, dtype=np.int64))


def read_class_names(root: Path) -> tuple[str, ...]:
    """Names of the fine labels, in label order, from the file ``meta`` below ``root``.

    Raises:
        NotPreparedError: the file is not there.
        TargetError: it is damaged, holds something else, or would run code.
    """
    file = root / FOLDER / "meta"
    names = _field(file, _load(file), "fine_label_names")
    _require(
        isinstance(names, list)
        and len(names) == NUMBER_OF_CLASSES
        and all(isinstance(each, str) for each in names),
        file,
        "it does not name 100 classes",
    )
    return tuple(names)


class _ArraysOnly(pickle.Unpickler):
    """An unpickler for which nothing exists but arrays of numpy and plain values."""

    def find_class(self, module: str, name: str) -> Any:
        """What ``name`` is in ``module``, where it may be used.

        Raises:
            pickle.UnpicklingError: it may not.
        """
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no array")
        return super().find_class(module, name)


def _load(file: Path) -> Any:
    try:
        with file.open("rb") as stream:
            return _ArraysOnly(stream, encoding="latin1").load()
    except FileNotFoundError as error:
        raise NotPreparedError("the file is not there", where=file) from error
    except (
        pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError,
        AttributeError, MemoryError, OverflowError,
    ) as error:  # what a damaged pickle may raise  # fmt: skip
        raise TargetError(
            f"the file is damaged, or no file of CIFAR-100: {error}", where=file, remedy=_MEND
        ) from error


def _field(file: Path, content: Any, key: str) -> Any:
    _require(isinstance(content, dict) and key in content, file, f"it has no field {key!r}")
    return content[key]


def _require(right: bool, file: Path, what: str) -> None:
    if not right:
        raise TargetError(f"this is no file of CIFAR-100: {what}", where=file, remedy=_MEND)
