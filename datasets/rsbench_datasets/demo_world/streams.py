"""Independent random streams, one for every picture of the demo world.

A picture draws from a stream named by its place in the world alone. The bytes of the world
therefore do not depend on how many processes render it, nor in which order.
"""

import zlib

import numpy as np


def stream(seed: int, *key: str | int) -> np.random.Generator:
    """Open the random stream of one picture.

    Args:
        seed: seed of the world, at least 0.
        *key: place of the picture, such as ``("dota", "train", 3)``.

    Returns:
        A generator that is independent of those of all other keys.

    Raises:
        ValueError: if the seed is negative.
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}; a seed must be 0 or more")
    # Words are hashed by CRC because Python's own hash of a string changes between processes.
    words = [part if isinstance(part, int) else zlib.crc32(part.encode()) for part in key]
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=tuple(words)))
