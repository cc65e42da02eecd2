"""Where data sets and caches lie on this machine; none of it is in a cell's identity."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from rsbench.errors import SettingsError


def _default(variable: str, kind: str) -> Path:
    override = os.environ.get(variable)
    if override:
        return Path(override).expanduser()
    import platformdirs

    path = platformdirs.user_data_path if kind == "data" else platformdirs.user_cache_path
    return path("rsbench")


@dataclass(frozen=True)
class Folders:
    """The folders a target or backbone may read and write.

    Attributes:
        data: prepared data sets; environment variable ``RSBENCH_DATA``.
        cache: decoded images and class means, safe to delete; ``RSBENCH_CACHE``.
        base: folder that relative paths in a matrix start from (the matrix file's own).
    """

    data: Path = field(default_factory=lambda: _default("RSBENCH_DATA", "data"))
    cache: Path = field(default_factory=lambda: _default("RSBENCH_CACHE", "cache"))
    base: Path = field(default_factory=Path.cwd)

    def placed(self, data: Path | None, cache: Path | None) -> Folders:
        """The same with other folders for data and caches, where they are given."""
        found = self
        if data is not None:
            found = replace(found, data=data.expanduser().absolute())
        if cache is not None:
            found = replace(found, cache=cache.expanduser().absolute())
        return found

    def resolve(self, path: str | Path) -> Path:
        """``path`` made absolute: ``~`` expanded, relative paths taken from ``base``.

        Raises:
            SettingsError: no file can have that name.
        """
        if "\0" in str(path):
            raise SettingsError(
                f"the path {str(path)!r} holds a zero byte", remedy="write it without '\\0'"
            )
        expanded = Path(path).expanduser()
        return expanded if expanded.is_absolute() else (self.base / expanded).resolve()
