from collections.abc import Callable
from pathlib import Path

import pytest

from rsbench.folders import Folders


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(data=tmp_path / "data", cache=tmp_path / "cache", base=tmp_path)


@pytest.fixture
def make_dota_source(make_image: Callable[..., Path]) -> Callable[..., Path]:
    def make(
        folder: Path,
        scenes: dict[str, list[str]],
        size: tuple[int, int] = (64, 48),
        labels: str = "labelTxt",
        header: tuple[str, ...] = ("imagesource:GoogleEarth", "gsd:0.25"),
    ) -> Path:
        """An original DOTA folder: annotation lines by scene name."""
        for seed, (name, lines) in enumerate(scenes.items()):
            make_image(folder / "images" / f"{name}.png", size, seed)
            text = folder / labels / f"{name}.txt"
            text.parent.mkdir(parents=True, exist_ok=True)
            text.write_text("\n".join([*header, *lines]) + "\n")
        return folder

    return make
