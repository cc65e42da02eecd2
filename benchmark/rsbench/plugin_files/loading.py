"""Find plugin files by the environment variable, and import them as modules."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import traceback
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

from rsbench.errors import RsbenchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import CodeType, ModuleType

VARIABLE = "RSBENCH_PLUGINS"
"""Absolute paths of plugin files, with ``os.pathsep`` between them."""

_PACKAGE = "rsbench.plugin_files"


def listed_files() -> list[Path]:
    """The files that ``RSBENCH_PLUGINS`` names, in order, each once; they need not exist."""
    names = os.environ.get(VARIABLE, "").split(os.pathsep)
    return list(dict.fromkeys(_normal(Path(name)) for name in names if name.strip()))


def use_files(files: Iterable[Path]) -> None:
    """Add ``files`` to ``RSBENCH_PLUGINS`` of this process and of those that it will start.

    Raises:
        RsbenchError: one is no Python file, or its path cannot stand in a list of paths.
    """
    found = [*listed_files()]
    for file in files:
        path = _normal(file)
        _check_file(path)
        if os.pathsep in str(path):
            raise RsbenchError(
                f"the path of a plugin file must not contain {os.pathsep!r}",
                where=path,
                remedy="move or rename the file",
            )
        found.append(path)
    os.environ[VARIABLE] = os.pathsep.join(str(path) for path in dict.fromkeys(found))


def module_name(file: Path) -> str:
    """The module that ``file`` is imported as: the same in every process of this machine."""
    path = _normal(file)
    digits = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    return f"{_PACKAGE}.{re.sub(r'[^0-9A-Za-z]', '_', path.stem)}_{digits}"


def load_file(file: Path) -> ModuleType:
    """Import a listed plugin file; a second call returns the module that is there.

    Raises:
        RsbenchError: the file is missing, or executing it raises; ``where`` is file:line.
    """
    path = _normal(file)
    name = module_name(path)
    if name not in sys.modules:
        _check_file(path)
    try:
        return import_module(name)
    except SyntaxError as error:
        where = f"{error.filename or path}:{error.lineno}"
        raise _broken(path, where, str(error.msg), error) from error
    # whatever a researcher's file raises is told with its line
    except (Exception, SystemExit) as error:
        where = f"{path}:{_line_in(path, error)}"
        raise _broken(path, where, f"{type(error).__name__}: {error}", error) from error


def code_digest(kind: type) -> str:
    """SHA-256 over the plugin files that ``kind`` and its bases are defined in; "" for none.

    It is that of the code as it was loaded, whatever has become of the file since.
    """
    loaders = {
        each.__module__: getattr(sys.modules.get(each.__module__), "__loader__", None)
        for each in kind.__mro__
    }
    digests = [each.digest for each in loaders.values() if isinstance(each, _Loader)]
    if len(digests) < 2:
        return "".join(digests)
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def install_finder() -> None:
    """Let Python find the modules of plugin files; once per process."""
    if not any(isinstance(each, _Finder) for each in sys.meta_path):
        sys.meta_path.append(_Finder())


class _Finder(MetaPathFinder):
    """Finds ``rsbench.plugin_files.<name>`` among the listed files."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a listed file's module, else None."""
        if not fullname.startswith(f"{_PACKAGE}."):
            return None
        for file in listed_files():
            if module_name(file) == fullname:
                return spec_from_file_location(fullname, file, loader=_Loader(fullname, str(file)))
        return None


class _Loader(SourceFileLoader):
    """Compiles the very bytes that it hashes: a .pyc beside the file could be another version."""

    digest = ""

    def get_code(self, fullname: str) -> CodeType:
        """The compiled file."""
        content = self.get_data(self.path)
        self.digest = hashlib.sha256(content).hexdigest()
        code: CodeType = self.source_to_code(content, self.path)
        return code


def _normal(file: Path) -> Path:
    return file.expanduser().resolve()


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise RsbenchError(
            "there is no such plugin file",
            where=path,
            remedy=f"check --plugin and the variable {VARIABLE}",
        )
    if path.suffix != ".py":
        raise RsbenchError(
            "a plugin file is a Python file, ending in .py",
            where=path,
            remedy="a plugin that is a package is installed with pip instead",
        )


def _broken(path: Path, where: str, what: str, error: BaseException) -> RsbenchError:
    remedy = "mend the file"
    if isinstance(error, ModuleNotFoundError):
        remedy = (
            "install what the file imports; a plugin file cannot import files beside it, for that "
            "make a package ('rsbench plugin new')"
        )
    return RsbenchError(
        f"the plugin file {path.name} cannot be loaded: {what}", where=where, remedy=remedy
    )


def _line_in(path: Path, error: BaseException) -> int:
    """The line of ``path`` that was being executed."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [each.lineno for each in frames if each.filename == str(path) and each.lineno]
    return lines[-1] if lines else 1
