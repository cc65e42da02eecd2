"""Writing pictures and labels in the genuine formats of DOTA-v1.0, FUSRS and iNaturalist 2018."""

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from . import FUSRS_CLASSES
from .aerial_scenes import Annotation, Scene
from .species import SPECIES, Species

DOTA_VERSION = "1.0"
SAMPLE_COLUMNS = ("split", "version", "image_path", "annotation_path")
"""Columns of ``samples.csv``, the index that torchgeo reads."""
CHIPS_PER_FRAME = 50


@dataclass(frozen=True)
class LabelledChip:
    """One line of a FUSRS index file."""

    path: str
    """Relative to the ``data`` folder."""
    label: int


@dataclass(frozen=True)
class LabelledPhoto:
    """One image of an iNaturalist annotation file."""

    path: str
    """Relative to the data set's folder."""
    width: int
    height: int
    category: int
    """Index into ``SPECIES``, which is the category's id."""


def write_image(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    """Write an RGB (h, w, 3) or grey (h, w) picture as PNG; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, format="PNG", compress_level=3)


def write_text(path: Path, lines: Sequence[str]) -> None:
    """Write lines with Unix line ends, the same on every system; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def scene_paths(split: str, number: int) -> tuple[str, str]:
    """Name the image and the annotation file of a scene, relative to the DOTA folder."""
    name = f"P{number:04d}"
    return (
        f"{split}/images/{name}.png",
        f"{split}/annotations/version{DOTA_VERSION}/{name}.txt",
    )


def annotation_line(annotation: Annotation) -> str:
    """Format one object: eight coordinates, class, difficult flag."""
    numbers = " ".join(f"{x} {y}" for x, y in annotation.corners)
    return f"{numbers} {annotation.label} {int(annotation.difficult)}"


def write_scene(root: Path, split: str, number: int, scene: Scene) -> None:
    """Write a scene's image and annotation file below the DOTA folder."""
    image_path, annotation_path = scene_paths(split, number)
    write_image(root / image_path, scene.pixels)
    header = ["imagesource:rsbench-demo-world", f"gsd:{scene.metres_per_pixel:.12f}"]
    lines = [annotation_line(annotation) for annotation in scene.annotations]
    write_text(root / annotation_path, header + lines)


def write_samples(root: Path, scenes: Sequence[tuple[str, int]]) -> None:
    """Write ``samples.csv`` for scenes given as (split, number)."""
    with (root / "samples.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(SAMPLE_COLUMNS)
        for split, number in scenes:
            writer.writerow((split, DOTA_VERSION, *scene_paths(split, number)))


def chip_path(number: int) -> str:
    """Name a chip, relative to the data folder of FUSRS."""
    frame, chip = divmod(number, CHIPS_PER_FRAME)
    return f"fusrsv17/L{frame + 1}_{chip + 1}.png"


def write_fusrs_index(root: Path, splits: dict[str, list[LabelledChip]]) -> None:
    """Write class names and one index file a split below the FUSRS folder."""
    folder = root / "datasets" / "FUSRS"
    write_text(folder / "classnames.txt", FUSRS_CLASSES)
    for split, chips in splits.items():
        write_text(folder / f"{split}.txt", [f"{chip.path} {chip.label}" for chip in chips])


def photo_path(seed: int, split: str, index: int, species: Species, category: int) -> str:
    """Name a photograph: by supercategory and category id, the file by a meaningless hash."""
    key = hashlib.md5(f"{seed} {split} {index}".encode(), usedforsecurity=False).hexdigest()
    return f"train_val2018/{species.genus.supercategory}/{category}/{key}.jpg"


def write_photo(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    """Write an RGB picture as JPEG, as iNaturalist's are; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, format="JPEG", quality=92)


def write_categories(root: Path) -> None:
    """Write ``categories.json``: every category with all its ranks."""
    entries = [
        {
            "id": category,
            "name": species.name,
            "genus": species.genus.name,
            "family": species.genus.family,
            "order": species.genus.order,
            "class": species.genus.class_,
            "phylum": species.genus.phylum,
            "kingdom": species.genus.kingdom,
            "supercategory": species.genus.supercategory,
        }
        for category, species in enumerate(SPECIES)
    ]
    write_text(root / "categories.json", [json.dumps(entries)])


def write_annotations(root: Path, splits: Mapping[str, Sequence[LabelledPhoto]]) -> None:
    """Write ``train2018.json`` and ``val2018.json``; ids go on from one to the other.

    As in the competition's own files the categories have numbers in place of their names.
    """
    hidden = [
        {"id": category, "name": str(category), "supercategory": species.genus.supercategory}
        for category, species in enumerate(SPECIES)
    ]
    numbers = count(1)
    for split, photos in splits.items():
        images, annotations = [], []
        for photo, number in zip(photos, numbers, strict=False):
            sides = {"width": photo.width, "height": photo.height}
            about = {"license": 1, "rights_holder": "rsbench demo world"}
            images.append({"id": number, "file_name": photo.path, **sides, **about})
            annotations.append({"id": number, "image_id": number, "category_id": photo.category})
        content = {
            "info": {"description": "rsbench demo world: rendered, not real photographs"},
            "images": images,
            "licenses": [{"id": 1, "name": "Apache-2.0", "url": ""}],
            "annotations": annotations,
            "categories": hidden,
        }
        write_text(root / f"{split}2018.json", [json.dumps(content)])
