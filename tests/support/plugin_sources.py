"""Plugin files for the tests: one small target, and how to break it."""

from __future__ import annotations

TARGET = '''\
"""Four classes of noise, brighter from class to class."""
from __future__ import annotations

import hashlib

import numpy as np

from rsbench.groups import by_thirds
from rsbench.settings import Settings
from rsbench.target import Split, Target

NAMES = ("meadow", "forest", "water", "rock")
COUNTS = {"train": (24, 12, 6, 3), "test": (4, 4, 4, 4)}


def labels_of(split):
    return np.repeat(np.arange(4), COUNTS[split]).astype(np.int64)


def split_of(split):
    labels = labels_of(split)
    return Split(tuple(f"{split}/{number}" for number in range(len(labels))), labels)


class NoiseOptions(Settings):
    """Options."""

    seed: int = 0


class BrightNoise(Target):
    """Noise."""

    Options = NoiseOptions
    description = "noise of four brightnesses"

    @classmethod
    def open(cls, name, options, folders):
        """Make the index."""
        target = cls(
            name,
            class_names=NAMES,
            groups=by_thirds(COUNTS["train"]),
            train=split_of("train"),
            test=split_of("test"),
            content_hash=hashlib.sha256(f"noise 1 {options.seed}".encode()).hexdigest(),
        )
        target.seed = options.seed
        return target

    def read(self, split, index):
        """Draw one picture."""
        label = int(self.samples(split).labels[index])
        rng = np.random.default_rng([self.seed, split == "train", index])
        pixels = rng.normal(50 + 40 * label, 15, (12 + index % 3, 10, 3))
        return np.clip(pixels, 0, 255).astype(np.uint8)
'''


def broken(*changes: tuple[str, str]) -> str:
    """``TARGET`` with texts replaced; each must occur exactly once."""
    text = TARGET
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text
