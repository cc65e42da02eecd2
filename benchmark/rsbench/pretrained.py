"""Backbones whose weights are fetched once, converted, and kept in the data folder."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rsbench.backbone import Backbone

if TYPE_CHECKING:
    from rsbench.folders import Folders
    from rsbench.target import Progress


@dataclass(frozen=True)
class WeightsFacts:
    """What ``rsbench weights ls`` shows of the weights of a backbone.

    Attributes:
        parameters: number of parameters, without a classifier.
        licence: terms of use in a few words; "" where the authors state none.
        source: repository or address they are published at; "" where there is none.
        download_size: what a download takes ("346 MB"); "" where nothing is published.
    """

    parameters: int
    licence: str
    source: str
    download_size: str


class PretrainedBackbone(Backbone):
    """A backbone that knows where its weights are published.

    ``rsbench weights`` works on every registered subclass. ``open`` raises
    ``MissingWeightsError`` where the weights are not on this machine yet.
    """

    @classmethod
    @abstractmethod
    def weights_facts(cls) -> WeightsFacts:
        """Size, licence and origin of the weights."""

    @classmethod
    @abstractmethod
    def weights_file(cls, folders: Folders) -> Path:
        """Where the converted weights lie, whether they are there or not."""

    @classmethod
    @abstractmethod
    def fetch_weights(
        cls, folders: Folders, *, source: Path | None = None, progress: Progress | None = None
    ) -> list[str]:
        """Download the published weights, or take ``source``, convert them and keep them.

        Args:
            folders: where the weights go.
            source: a file that the user already has.
            progress: called with (done, total) bytes.

        Returns:
            What was done and checked, one line each.

        Raises:
            DownloadError: the file cannot be fetched, or is not the published one.
            CheckpointError: the file does not hold these weights.
        """

    @classmethod
    @abstractmethod
    def verify_weights(cls, folders: Folders) -> list[str]:
        """Read the kept weights whole and build the network strictly.

        Returns:
            What was checked, one line each.

        Raises:
            MissingWeightsError: they are not there.
            CheckpointError: they are damaged or do not fit.
        """

    @classmethod
    @abstractmethod
    def convert_weights(cls, source: Path, out: Path) -> list[str]:
        """Write the weights in ``source`` to ``out`` as this backbone loads them.

        Returns:
            What was done and checked, one line each.

        Raises:
            CheckpointError: the file does not hold these weights, or cannot be written.
        """
