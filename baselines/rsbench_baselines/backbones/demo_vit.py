"""The demo backbone: a tiny vision transformer with shipped weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rsbench.backbone import Normalisation
from rsbench.settings import Settings
from rsbench_baselines.backbones.checkpoint import Checkpoint, CheckpointOptions
from rsbench_baselines.demo_backbone.network import ARCHITECTURE, IMAGE_SIZE, MEAN, STD, WEIGHTS

if TYPE_CHECKING:
    from rsbench.folders import Folders


class DemoViT(Checkpoint):
    """1.2 M parameters, 48 px, pretrained on procedural images of no target class."""

    Options: ClassVar[type[Settings]] = Settings
    description: ClassVar[str] = "tiny ViT (48 px, 1.2 M) with shipped demo weights"

    @classmethod
    def open(cls, name: str, options: Any, folders: Folders) -> DemoViT:
        """Open the shipped weights."""
        arguments = {k: v for k, v in ARCHITECTURE.items() if k not in ("img_size", "num_classes")}
        fixed = CheckpointOptions(
            architecture="VisionTransformer",
            arguments=arguments,
            weights=str(WEIGHTS),
            image_size=IMAGE_SIZE,
            norm_eps=1e-6,
            normalisation=Normalisation(mean=MEAN, std=STD),
            disclaimer="demo backbone: pretrained on procedural images; the numbers are demo "
            "numbers and say nothing about real data",
        )
        return cls(name, fixed, WEIGHTS)
