"""How a matrix declares a network and its weights file."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from rsbench.backbone import Normalisation
from rsbench.imagery import RGB, BandInput, Quantity
from rsbench.settings import Settings


class CheckpointOptions(Settings):
    """Which network, which weights, and how its input is normalised."""

    architecture: str
    """A timm model name (``swin_base_patch4_window7_224``, ``vit_small_patch16_dinov3``), or one of
    timm's classes themselves: ``VisionTransformer``, ``SwinTransformer``, ``ConvNeXt``, ``Eva``."""
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    """Arguments of the architecture, such as patch_size, class_token, global_pool; for a Swin
    at another image size than it was trained at ``always_partition: true``, which keeps its
    windows."""
    weights: str
    """Weights file with timm's keys: safetensors, or a torch file that runs no code."""
    key: str | None = None
    """Where in a torch file the weights lie (``model_ema``, ``student``, ``state.model``; "": the
    file itself); None finds them where they are there once."""
    prefix: str | None = None
    """What the keys begin with (``module.``, ``teacher.backbone.``; "": nothing); it is taken off,
    and keys without it are left out. None finds it where there is one that fits."""
    image_size: Annotated[int, Field(ge=1)]
    """Side of the input, pixels."""
    norm_eps: Annotated[float, Field(gt=0.0)] | None = None
    """Epsilon of every LayerNorm, or None for the architecture's own."""
    normalisation: Normalisation
    """How input in [0, 1] is normalised: as it was when the weights were trained."""
    position_resize: Literal["none", "bicubic", "bicubic_antialias"] = "none"
    """How a position table of another grid is resized; ``none`` makes that an error. Swin and
    ConvNeXt have no such table."""
    ignore_keys: tuple[str, ...] = ()
    """Prefixes of keys that are left out, behind ``prefix``, such as ``head.``; for a ConvNeXt
    ``head.fc.``, because its last normalisation lies under ``head.`` too."""
    bands: tuple[str, ...] = RGB
    """Bands in the order of the input channels, such as ``B02``, ``B03`` of Sentinel-2."""
    quantity: Quantity = "display"
    """What the values must be; ``reflectance`` is 1.0 where everything is reflected."""
    disclaimer: str = ""
    """What a reader of the results must know about these weights."""

    @field_validator("arguments")
    @classmethod
    def _own_fields(cls, arguments: dict[str, JsonValue]) -> dict[str, JsonValue]:
        instead = {"img_size": "state image_size", "in_chans": "state bands"}
        for name in ("img_size", "in_chans", "num_classes"):
            if name in arguments:
                hint = (
                    f"{instead[name]} beside them" if name in instead else "the head is rsbench's"
                )
                raise ValueError(f"{name} must not be among the arguments: {hint}")
        return arguments

    @model_validator(mode="after")
    def _one_number_per_band(self) -> Self:
        fixed = self.normalisation.statistics == "fixed"
        numbers = {len(self.normalisation.mean), len(self.normalisation.std)}
        if fixed and numbers != {len(self.bands)}:
            raise ValueError(
                f"normalisation needs one mean and one std for each of the {len(self.bands)} bands"
            )
        return self

    @property
    def band_input(self) -> BandInput:
        """Bands and quantity of the input."""
        return BandInput(bands=self.bands, quantity=self.quantity)

    @property
    def network_arguments(self) -> dict[str, JsonValue]:
        """``arguments`` with the number of input channels, where it is not the usual three."""
        channels = len(self.bands)
        return self.arguments if channels == len(RGB) else {**self.arguments, "in_chans": channels}

    @property
    def identity(self) -> dict[str, Any]:
        """Every option that shapes the network, as JSON values."""
        shape = {"architecture", "arguments", "norm_eps", "position_resize", "ignore_keys"}
        told = {name for name in ("key", "prefix") if getattr(self, name) is not None}
        return self.model_dump(mode="json", include=shape | told)
