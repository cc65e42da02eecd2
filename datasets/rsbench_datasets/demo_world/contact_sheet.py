"""A contact sheet of the demo world: rows of crops a class, for looking at it."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from . import DOTA_CLASSES, FUSRS_CLASSES
from .species import SPECIES_NAMES

CROP_SIZE = 48
"""Side of a picture on the sheet, the input size of the demo's backbone."""
COLUMNS = 20


def write_contact_sheet(root: Path, path: Path) -> None:
    """Show test pictures of all data sets of a rendered world.

    DOTA objects are cut by the axis-aligned bounding rectangle of their quadrilateral,
    without margin, and resized; photographs are cut to their central square: what a network
    gets to see.

    Args:
        root: folder of the world.
        path: PNG file to write.
    """
    rows = _dota_rows(root / "dota") + _fusrs_rows(root / "fusrs") + _inat_rows(root / "inat")
    sheet = np.zeros((CROP_SIZE * len(rows), CROP_SIZE * COLUMNS, 3), dtype=np.uint8)
    for row, crops in enumerate(rows):
        for column, crop in enumerate(crops):
            top, left = row * CROP_SIZE, column * CROP_SIZE
            sheet[top : top + CROP_SIZE, left : left + CROP_SIZE] = np.asarray(crop)
    Image.fromarray(sheet).save(path)


def _resized(image: Image.Image) -> Image.Image:
    """Resize to the sheet's size in colour."""
    return image.convert("RGB").resize((CROP_SIZE, CROP_SIZE), Image.Resampling.BICUBIC)


def _dota_rows(root: Path) -> list[list[Image.Image]]:
    """Cut the first objects of each class from the val scenes, one from a scene in turn."""
    rows: dict[str, list[Image.Image]] = {label: [] for label in DOTA_CLASSES}
    for file in sorted((root / "val" / "annotations" / "version1.0").glob("*.txt")):
        seen: dict[str, int] = {}
        with Image.open(root / "val" / "images" / f"{file.stem}.png") as scene:
            for line in file.read_text(encoding="utf-8").splitlines()[2:]:
                *numbers, label, _ = line.split()
                seen[label] = seen.get(label, 0) + 1
                if seen[label] > 2 or len(rows[label]) >= COLUMNS:
                    continue
                xs, ys = [int(x) for x in numbers[0::2]], [int(y) for y in numbers[1::2]]
                rows[label].append(_resized(scene.crop((min(xs), min(ys), max(xs), max(ys)))))
    return list(rows.values())


def _fusrs_rows(root: Path) -> list[list[Image.Image]]:
    """Take the first chips of each class from the test split."""
    rows: list[list[Image.Image]] = [[] for _ in FUSRS_CLASSES]
    index = (root / "datasets" / "FUSRS" / "test.txt").read_text(encoding="utf-8")
    for line in index.splitlines():
        path, label = line.split()
        if len(rows[int(label)]) < COLUMNS:
            with Image.open(root / "data" / path) as chip:
                rows[int(label)].append(_resized(chip))
    return rows


def _inat_rows(root: Path) -> list[list[Image.Image]]:
    """Take the first photographs of each species from the val split."""
    rows: list[list[Image.Image]] = [[] for _ in SPECIES_NAMES]
    content = json.loads((root / "val2018.json").read_text(encoding="utf-8"))
    labels = {each["image_id"]: each["category_id"] for each in content["annotations"]}
    for entry in content["images"]:
        row = rows[labels[entry["id"]]]
        if len(row) < COLUMNS:
            with Image.open(root / entry["file_name"]) as photo:
                row.append(_resized(_central_square(photo)))
    return rows


def _central_square(image: Image.Image) -> Image.Image:
    """Cut away what a centre crop does not show."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))
