"""README's tables name every option of the recipe, and every one of a shipped plugin."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rsbench import registry
from rsbench.settings import Augmentation, Recipe

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*Recipe.model_fields, *Augmentation.model_fields])
def test_of_the_recipe(name: str) -> None:
    assert re.search(rf"`[^`\n]*\b{name}\b[^`\n]*`", README)


@pytest.mark.parametrize("name", ["lora", "adapter", "adaptformer", "bitfit", "vpt_deep", "probe"])
def test_of_the_methods(name: str) -> None:
    for option in registry.method_class(name).Options.model_fields:
        assert re.search(rf"\b{option}\b", README), option


def test_of_chips_from_maps() -> None:
    options = set(registry.target_class("map_chips").Options.model_fields) - {"disclaimer"}
    assert not [each for each in options if not re.search(rf"\b{each}\b", README)]
