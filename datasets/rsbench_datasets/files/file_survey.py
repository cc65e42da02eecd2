"""Which image files of a target are there, and what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench import images
from rsbench.errors import ImageError, TargetError
from rsbench_datasets.files.digests import file_states
from rsbench_datasets.files.rasters import companions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rsbench.target import Progress, SplitName
    from rsbench_datasets.files.digests import FileDigests, FileStates
    from rsbench_datasets.files.file_samples import FileSamples

    Files = Mapping[SplitName, FileSamples]

EMPTY = "empty"
"""In place of the digest of a file of zero bytes."""
_SHOWN = 5


@dataclass(frozen=True)
class FileSurvey:
    """The states of all files of a target.

    Attributes:
        files: samples of both splits.
        states: of each file, as :func:`rsbench_datasets.files.digests.file_states`.
        location: list or folder to name in messages.
    """

    files: Files
    states: Mapping[SplitName, FileStates]
    location: Path

    def refuse_absent(self) -> None:
        """Report all missing and empty files at once.

        Raises:
            ImageError: there are some; the first few are named.
        """
        missing, empty = (
            [each for split in self.files for each in self._named(split, empty=wanted)]
            for wanted in (False, True)
        )
        absent = missing + empty
        if len(absent) == 1:
            (path, listed) = absent[0]
            raise (images.missing if missing else images.empty)(Path(path), listed)
        if absent:
            kinds = ((missing, "do not exist"), (empty, "are empty"))
            counts = [f"{len(paths)} {what}" for paths, what in kinds if paths]
            shown = [path + (f" ({listed})" if listed else "") for path, listed in absent[:_SHOWN]]
            more = ["..."] * (len(absent) > _SHOWN)
            raise ImageError(
                f"of {sum(map(len, self.files.values()))} image files {' and '.join(counts)}:"
                + "".join(f"\n  {line}" for line in shown + more),
                where=self.location,
                remedy="check the folder that the paths start from, or restore the files; with "
                "the option 'on_bad_image: skip' they are left out, counted and recorded",
            )

    def _named(self, split: SplitName, *, empty: bool) -> Iterator[tuple[str, str]]:
        samples, sizes = self.files[split], self.states[split]["size"]
        for index in np.flatnonzero(sizes == 0 if empty else sizes < 0).tolist():
            yield samples.path(index), samples.listed[index] if samples.listed else ""

    def refuse_lost_classes(self, class_names: Sequence[str]) -> None:
        """Refuse classes all of whose training files are missing or empty.

        Raises:
            TargetError: there are some.
        """
        labels = self.files["train"].labels
        lost = np.setdiff1d(labels, labels[self.states["train"]["size"] > 0]).tolist()
        if lost:
            names = [class_names[label] for label in lost if 0 <= label < len(class_names)]
            raise TargetError(
                f"every training image of these classes is missing or empty: {', '.join(names)}",
                where=self.location,
                remedy="restore the files",
            )

    def digests(
        self, cache: FileDigests, progress: Progress | None = None
    ) -> dict[SplitName, list[str]]:
        """Digest of every file, "missing" or "empty" where there is nothing to digest.

        Args:
            cache: what is remembered.
            progress: called with (done, total) files.

        Raises:
            ImageError: a file may not be read.
        """
        states = np.concatenate(list(self.states.values()))
        paths = chain.from_iterable(each.all_paths() for each in self.files.values())
        digests = self._read(cache, paths, states=states, progress=progress, total=len(states))
        for index in np.flatnonzero(states["size"] == 0).tolist():
            digests[index] = EMPTY
        remaining = iter(digests)
        return {
            split: [next(remaining) for _ in range(len(each))] for split, each in self.files.items()
        }

    def companions(self, cache: FileDigests) -> dict[SplitName, dict[int, str]]:
        """What the files beside an image that GDAL reads with it hold, by index of the sample.

        Args:
            cache: what is remembered.

        Raises:
            ImageError: a file may not be read.
        """
        found = {
            (split, index): beside
            for split, samples in self.files.items()
            for index, path in enumerate(samples.all_paths())
            if (beside := companions(path))
        }
        every = [path for beside in found.values() for path in beside]
        digests = iter(self._read(cache, every))
        texts: dict[SplitName, dict[int, str]] = {split: {} for split in self.files}
        for (split, index), beside in found.items():
            ends = [path.rpartition(".")[2] for path in beside]
            texts[split][index] = "".join(f"+{end}:{next(digests)}" for end in ends)
        return texts

    def _read(self, cache: FileDigests, paths: Iterable[str], **how: Any) -> list[str]:
        try:
            return cache.of(paths, **how)
        except OSError as error:
            raise ImageError(
                f"the image cannot be read: {error.strerror}",
                where=error.filename,
                remedy="check who may read the file, and the disk it lies on",
            ) from error


def take_survey(files: Files, location: Path) -> FileSurvey:
    """Ask for the state of every file of ``files``.

    Raises:
        ImageError: a folder may not be read.
    """
    try:
        states = {split: file_states(each.all_paths()) for split, each in files.items()}
    except OSError as error:
        raise ImageError(
            f"the image cannot be opened: {error.strerror}",
            where=error.filename,
            remedy="check the path, and who may read the folder",
        ) from error
    return FileSurvey(files, states, location)
