"""The numbers that the MetaPEFT paper published, as data: ``data/*.csv`` and ``tables.yaml``.

Every number of the paper's tables and figures that is known (specification, section 6) has a
line with its source and uncertainty; what is not known has a line too, without a value.
"""

from rsbench.published.load import PublishedDataError, load_published
from rsbench.published.number import (
    METRICS,
    Published,
    PublishedNumber,
    PublishedTable,
    Quantity,
    Setting,
)
from rsbench.published.reproduction import Reproduction, load_reproduction

__all__ = [
    "METRICS",
    "Published",
    "PublishedDataError",
    "PublishedNumber",
    "PublishedTable",
    "Quantity",
    "Reproduction",
    "Setting",
    "load_published",
    "load_reproduction",
]
