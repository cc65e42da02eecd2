"""The content hash of a target: one digest over everything in it that can change a score."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rsbench.groups import ClassGroups

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_VERSION = 1

Row = tuple[str, str, int, str]
"""Split, sample id, label, SHA-256 of the file that holds the pixels."""


def content_hash(
    class_names: Sequence[str],
    groups: ClassGroups,
    rows: Iterable[Row],
    reading: Mapping[str, object] | None = None,
) -> str:
    """SHA-256 over classes, groups and samples; no path of the machine enters it.

    Args:
        class_names: names in label order.
        groups: head, medium and tail classes.
        rows: every sample in order.
        reading: options that change how pixels are made of files, such as
            :meth:`rsbench_datasets.files.pixels.PixelOptions.identity`; empty as None.

    Returns:
        64 hexadecimal digits.
    """
    parts = [_VERSION, list(class_names), asdict(groups), *([dict(reading)] if reading else [])]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    for split, sample, label, file_digest in rows:
        row = f"\n{split}\0{sample}\0{label}\0{file_digest}"
        digest.update(row.encode(errors="surrogatepass"))  # such ids are refused with a reason
    return digest.hexdigest()
