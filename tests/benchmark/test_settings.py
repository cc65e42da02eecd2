"""Settings: the recipe's defaults, its rate scaling, and what is refused."""

from __future__ import annotations

import json
import math

import pytest
from pydantic import ValidationError

from rsbench.settings import Augmentation, PluginChoice, Recipe


def test_defaults_are_those_of_the_paper() -> None:
    recipe = Recipe()
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate) == (10, 128, 0.01)
    assert (recipe.momentum, recipe.weight_decay) == (0.9, 5e-4)
    assert (recipe.optimizer, recipe.warm_up, recipe.gradient_clip) == ("sgd", 0.0, None)
    assert (recipe.loss, recipe.tau) == ("logit_adjustment", 1.0)
    assert (recipe.head_scale, recipe.head_init) == (25.0, "class_mean")
    assert (recipe.schedule, recipe.learning_rate_scaling) == ("cosine", "sqrt")
    assert recipe.augmentation == Augmentation(crop_scale=(0.08, 1.0), horizontal_flip=0.5)
    assert recipe.test_resize_ratio * 224 == pytest.approx(256)


@pytest.mark.parametrize(
    ("scaling", "batch_size", "expected"),
    [
        ("sqrt", 128, 0.01),
        ("sqrt", 512, 0.02),
        ("sqrt", 32, 0.005),
        ("linear", 256, 0.02),
        ("none", 512, 0.01),
    ],
)
def test_rate_follows_the_batch_size(scaling: str, batch_size: int, expected: float) -> None:
    recipe = Recipe.model_validate({"learning_rate_scaling": scaling, "batch_size": batch_size})
    assert recipe.scaled_learning_rate == pytest.approx(expected)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"epochs": 1.5},
        {"batch_size": "large"},
        {"learning_rate": -0.1},
        {"learning_rate": math.nan},
        {"learning_rate": math.inf},
        {"momentum": 1.5},
        {"warm_up": 1.0},
        {"gradient_clip": 0.0},
        {"loss": "hinge"},
        {"heldout_fraction": 0.0},
        {"learningrate": 0.1},
        {"augmentation": {"crop_scale": [0.5]}},
        {"augmentation": {"crop_scale": [0.5, 2.0]}},
        {"augmentation": {"rotation": 1}},
    ],
)
def test_wrong_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Recipe.model_validate(wrong)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Recipe().epochs = 3  # type: ignore[misc]


def test_recipe_survives_json_unchanged() -> None:
    recipe = Recipe(learning_rate=0.1 + 0.2, augmentation=Augmentation(crop_ratio=(0.7, 1.5)))
    text = json.dumps(recipe.model_dump(mode="json"))
    assert Recipe.model_validate(json.loads(text)) == recipe


def test_plugin_options_are_json_values() -> None:
    options = {"rank": 4, "positions": ["q"], "nested": {"x": None}}
    choice = PluginChoice.model_validate({"name": "a", "kind": "lora", "options": options})
    assert choice.model_dump(mode="json")["options"] == options
    with pytest.raises(ValidationError):
        PluginChoice.model_validate({"name": "a", "kind": "b", "options": {"x": object()}})
