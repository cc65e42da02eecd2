"""The switches and random streams that all code of a process shares, kept to one cell."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

_CUDNN = torch.backends.cudnn
#: How each switch is read and set, and what it is for a cell (None: the number of threads).
_SWITCHES: tuple[tuple[Callable[[], Any], Callable[[Any], Any], Any], ...] = (
    (torch.get_default_dtype, torch.set_default_dtype, torch.float32),
    (torch.is_grad_enabled, torch.set_grad_enabled, True),
    (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly, False),
    (torch.get_num_threads, torch.set_num_threads, None),
    (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms, False),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest"),
    (lambda: _CUDNN.deterministic, lambda value: setattr(_CUDNN, "deterministic", value), True),
    (lambda: _CUDNN.benchmark, lambda value: setattr(_CUDNN, "benchmark", value), False),
    (np.geterr, lambda value: np.seterr(**value), {"under": "ignore", "over": "warn",
                                                   "divide": "warn", "invalid": "warn"}),
)  # fmt: skip


@contextmanager
def own_state(seed: int, threads: int) -> Iterator[None]:
    """Switches and global random streams as every cell has them; as they were, afterwards.

    A plugin may set any of them, at import or in a hook: the next cell must not notice.

    Args:
        seed: of the global streams. rsbench draws from streams of its own; a plugin's dropout,
            say, draws from these.
        threads: torch threads on the CPU.
    """
    before = [read() for read, _, _ in _SWITCHES]
    streams = random.getstate(), np.random.get_state(), torch.get_rng_state()
    for _, change, value in _SWITCHES:
        change(threads if value is None else value)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        for (_, change, _), value in zip(_SWITCHES, before, strict=True):
            change(value)
        random.setstate(streams[0])
        np.random.set_state(streams[1])
        torch.set_rng_state(streams[2])
