from pathlib import Path

import pytest
from finished import train_everything


@pytest.fixture(scope="session")
def every_cell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run folder with a finished cell of every method, plain and with MetaPEFT (float32)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RSBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        return train_everything(tmp_path_factory.mktemp("every-cell"))
