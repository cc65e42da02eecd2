"""Decode every image of a split once, and serve batches of what was decoded.

Images keep their own sizes ("ragged"): training reads views of them, without decoding, and
resizes on the device.
"""

from rsbench.imagestore.fit import fit
from rsbench.imagestore.opening import open_store, store_key
from rsbench.imagestore.statistics import Channels, channel_statistics, value_range
from rsbench.imagestore.store import ImageSet, ImageStore, StreamedImages

__all__ = [
    "Channels",
    "ImageSet",
    "ImageStore",
    "StreamedImages",
    "channel_statistics",
    "fit",
    "open_store",
    "store_key",
    "value_range",
]
