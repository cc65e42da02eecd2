"""Validated settings: the recipe every cell is trained by, and the base of plugin options."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
HeadFeatures = Literal["raw", "centred", "standardised"]


def _as_text(value: object) -> object:
    """What YAML reads as a number and is a word here."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Settings(BaseModel):
    """Base of all settings and plugin options: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PluginChoice(Settings):
    """One entry of a matrix axis: which plugin, under which label, with which options."""

    name: str
    """Label in tables; unique on its axis."""
    kind: str
    """Entry-point name of the plugin."""
    options: dict[str, JsonValue] = Field(default_factory=dict)
    """Options of the plugin as written in the matrix, validated by the plugin."""


class Augmentation(Settings):
    """Training augmentation (paper section 3): random resized crop and horizontal flip."""

    crop_scale: tuple[Fraction, Fraction] = (0.08, 1.0)
    """Area of the random crop relative to the image, smallest and largest."""
    crop_ratio: tuple[Positive, Positive] = (3 / 4, 4 / 3)
    """Aspect ratio (width / height) of the random crop, smallest and largest."""
    horizontal_flip: Fraction = 0.5
    """Probability of a horizontal flip."""
    vertical_flip: Fraction = 0.0
    """Probability of a vertical flip (0 in the paper)."""


class Recipe(Settings):
    """How a cell is trained and tested; the defaults are the paper's (section 3).

    Every field changes the score, so every field is part of a cell's identity. In a matrix the
    default of ``learning_rate`` is the method's own (``Method.learning_rate``).
    """

    epochs: Annotated[int, Field(ge=1)] = 10
    """Passes over the training samples."""
    batch_size: Annotated[int, Field(ge=1)] = 128
    """Images per inner step."""
    learning_rate: Annotated[float, Field(ge=0.0)] = 0.01
    """The optimiser's rate for a batch of ``reference_batch`` images. A matrix that states none
    takes each method's own, which is SGD's: with ``optimizer: adamw`` it must state one."""
    reference_batch: Annotated[int, Field(ge=1)] = 128
    """Batch size that ``learning_rate`` is stated for."""
    learning_rate_scaling: Literal["sqrt", "linear", "none"] = "sqrt"
    """How the rate follows the batch size: ``learning_rate * (batch / reference) ** 0.5``, ..."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """Learning-rate schedule over what the warm-up leaves of the training."""
    schedule_interval: Literal["step", "epoch"] = "step"
    """Whether the cosine moves every step (last rate near zero) or every epoch (released code)."""
    warm_up: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of the training's steps over which the rate first rises linearly, step by step."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """What trains the method's parameters and the head."""
    momentum: Fraction = 0.9
    """SGD momentum, no Nesterov. AdamW has its own (0.9, 0.999) and takes none of a matrix."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 5e-4
    """On everything that is trained, biases and head included: an L2 penalty with SGD, decoupled
    from the gradient with AdamW."""
    gradient_clip: Positive | None = None
    """Largest norm of the gradient of everything that is trained, together; None: any."""
    loss: Literal["logit_adjustment", "cross_entropy"] = "logit_adjustment"
    """Training loss, the same in the inner and the outer loop."""
    tau: Annotated[float, Field(ge=0.0)] = 1.0
    """Strength of the logit adjustment, ``CE(logits + tau * log prior)``."""
    head_scale: Positive = 25.0
    """Scale of the cosine classifier."""
    head_init: Literal["class_mean", "random"] = "class_mean"
    """Initial class weights: mean frozen feature of each class, or random directions."""
    head_features: HeadFeatures = "raw"
    """What the cosine classifier sees: features as they are, less the mean of the frozen features
    of what is trained on, or divided by their standard deviation as well."""
    augmentation: Augmentation = Augmentation()
    """Random crop and flip of training images."""
    test_resize_ratio: Annotated[float, Field(ge=1.0)] = 8 / 7
    """Short side at test time relative to the network's input, before the centre crop."""
    stored_side: Annotated[int, Field(ge=1)] = 2048
    """Images with a longer short side are shrunk to it when they are decoded (but never below
    the test's short side). A smaller one takes less disk and time, and blurs training crops."""
    precision: Annotated[Literal["auto", "32", "bf16", "fp16"], BeforeValidator(_as_text)] = "auto"
    """Autocast precision; ``auto`` takes bf16 or fp16 where the hardware has it, else 32."""
    early_stopping: Literal["auto", "on", "off"] = "auto"
    """Stop when validation accuracy stalls; ``auto``: only with at least 1,000 held-out images."""
    early_stopping_patience: Annotated[int, Field(ge=1)] = 3
    """Epochs over which the gain is measured."""
    early_stopping_gain: Annotated[float, Field(ge=0.0)] = 0.3
    """Smallest gain in mean-class accuracy (percentage points) that counts as progress."""
    heldout_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    """Share of train held out for early stopping or validation, stratified."""
    evaluate_on: Literal["test", "validation"] = "test"
    """``validation`` scores the held-out slice of train instead: for choosing settings."""

    def test_short_side(self, image_size: int) -> int:
        """Short side at test time, pixels: 256 for an input of 224 (paper section 3)."""
        return int(image_size * self.test_resize_ratio + 1e-6)

    def stored_short_side(self, image_size: int) -> int:
        """The longest short side that is kept, pixels, for a network with inputs of this side."""
        return max(self.stored_side, self.test_short_side(image_size))

    @property
    def scaled_learning_rate(self) -> float:
        """The SGD rate at ``batch_size``."""
        ratio = self.batch_size / self.reference_batch
        power = {"sqrt": 0.5, "linear": 1.0, "none": 0.0}[self.learning_rate_scaling]
        return self.learning_rate * float(ratio**power)
