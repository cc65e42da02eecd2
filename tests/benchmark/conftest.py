from collections.abc import Callable
from pathlib import Path

import pytest
from finished import train_everything
from four_kinds import Trained, train_kind


@pytest.fixture(scope="session")
def every_cell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run folder with a finished cell of every method, plain and with MetaPEFT (float32)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RSBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        return train_everything(tmp_path_factory.mktemp("every-cell"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trained]:
    """Trains a cell of pictures, radar, bands or maps, once each."""
    cells: dict[str, Trained] = {}

    def of(kind: str) -> Trained:
        if kind not in cells:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("RSBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
                cells[kind] = train_kind(kind, tmp_path_factory.mktemp(kind))
        return cells[kind]

    return of
