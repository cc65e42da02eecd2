"""The errors rsbench raises on purpose. Each says what is wrong, where, and what to do."""

from __future__ import annotations

from pathlib import Path


def printable(text: str) -> str:
    """``text`` with an escape for each byte of a file name that is no UTF-8."""
    return text.encode(errors="backslashreplace").decode()


class RsbenchError(Exception):
    """Base of every error that rsbench raises on purpose.

    Args:
        what: what is wrong, in one sentence.
        where: the file (or file:line, or folder) at fault, when there is one.
        remedy: what the reader can do about it.
        command: the command that mends it, ready to be pasted, where there is one.
    """

    exit_code = 2

    def __init__(
        self,
        what: str,
        *,
        where: str | Path | None = None,
        remedy: str = "",
        command: str = "",
    ) -> None:
        what = printable(what)
        super().__init__(what)
        self.what = what
        self.where = None if where is None else printable(str(where))
        self.remedy = printable(remedy)
        self.command = command

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with the keyword arguments, so that worker processes can send errors."""
        return (_rebuild, (type(self), self.what, self.where, self.remedy, self.command))

    def __str__(self) -> str:
        lines = [self.what if self.where is None else f"{self.where}: {self.what}"]
        if self.remedy:
            lines.append(f"What to do: {self.remedy}")
        if self.command:
            lines.append(f"Run: {self.command}")
        return "\n".join(lines)


def _rebuild(
    cls: type[RsbenchError], what: str, where: str | None, remedy: str, command: str
) -> RsbenchError:
    return cls(what, where=where, remedy=remedy, command=command)


class PluginError(RsbenchError):
    """What a plugin raised and is none of rsbench's errors, or that it called ``sys.exit``."""


class UnknownNameError(RsbenchError):
    """A name that no plugin registered."""


class MatrixError(RsbenchError):
    """A matrix file that cannot be read, or a field in it that is wrong."""


class SettingsError(RsbenchError):
    """An option with a wrong name, type or value."""


class TargetError(RsbenchError):
    """A target whose index is inconsistent: labels, groups, counts or ids."""


class NotPreparedError(TargetError):
    """A target whose files are not on this machine yet."""


class ImageError(TargetError):
    """An image that is missing or does not decode."""


class MisfitImageError(ImageError):
    """An image that is whole, and of another kind than the target says: never merely skipped."""


class BandError(TargetError):
    """Bands or values of a target that do not fit what a backbone's weights were trained on."""


class DownloadError(RsbenchError):
    """A file that cannot be fetched, or that is not the one it should be."""


class CheckpointError(RsbenchError):
    """A weights file that is missing, damaged, or does not fit the network."""


class MissingWeightsError(CheckpointError):
    """Weights that are not on this machine yet."""


class PositionError(RsbenchError):
    """An insertion position or block that the backbone or the method does not have."""


class RecordError(RsbenchError):
    """A record of a finished cell that is damaged or of an unknown schema."""


class ResultsFolderError(RsbenchError):
    """A results folder that cannot be written or is not a run."""


class CellError(RsbenchError):
    """A cell that is not there, is ambiguous, or is not finished."""


class ExportError(RsbenchError):
    """A trained cell that the format asked for cannot express exactly."""


class DivergedError(RsbenchError):
    """Training produced a loss, weights, gammas or logits that are not finite."""


class NotComparableError(RsbenchError):
    """Results that no test can set beside each other: of different images, labels or seeds."""
