"""The same image in train and in test: its score is no test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: How remarks of a target begin that say that its test is no test; others only inform.
LEAK = "LEAK"


def leak_remarks(name: str, train: NDArray[np.uint64], test: NDArray[np.uint64]) -> tuple[str, ...]:
    """What to tell a reader where the same pixels are in train and in test; () where not.

    Args:
        name: label of the target.
        train: digests of the decoded training images, shape (images,); 0 for what does not decode.
        test: the same of the test images.
    """
    shared = np.count_nonzero(np.isin(test[test != 0], train))
    if not shared:
        return ()
    return (
        f"{LEAK} in {name}: {shared} of {len(test)} test images are also in train; "
        "their score is no test",
    )
