"""The demo backbone, stored as SatMAE's checkpoints are, and read the way they are read."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, ClassVar

from rsbench.errors import CheckpointError
from rsbench.settings import Settings
from rsbench_baselines.backbones.checkpoint import Checkpoint
from rsbench_baselines.backbones.demo_vit import DISCLAIMER, demo_options
from rsbench_baselines.backbones.file_hash import remembered_hash
from rsbench_baselines.backbones.mae import DECODER_KEYS
from rsbench_baselines.backbones.stored import CONVERTER_VERSION
from rsbench_baselines.demo_backbone.network import WEIGHTS

if TYPE_CHECKING:
    from torch import nn

    from rsbench.folders import Folders


class DemoSatmaeFormat(Checkpoint):
    """The network of ``demo_vit``, through the conversion that SatMAE's weights go through.

    A checkpoint with decoder, mask token and ``argparse.Namespace`` is written to the cache on
    first use, and converted. Its identity is that of the shipped file and the converter, for
    those decide what is loaded; equal numbers to ``demo_vit`` show that the conversion is exact.
    """

    Options: ClassVar[type[Settings]] = Settings
    description: ClassVar[str] = (
        "the tiny demo ViT in SatMAE's checkpoint format (SatMAE-FORMAT, not SatMAE)"
    )

    @classmethod
    def open(cls, name: str, options: Any, folders: Folders) -> DemoSatmaeFormat:
        """Say which file will be made; nothing is written yet."""
        shipped = remembered_hash(WEIGHTS, folders.cache)
        text = f"{shipped} as an MAE checkpoint, converter {CONVERTER_VERSION}"
        digest = hashlib.sha256(text.encode()).hexdigest()
        chosen = demo_options(f"SatMAE-format is not SatMAE; {DISCLAIMER}", DECODER_KEYS)
        path = folders.cache / "weights" / f"demo_satmae_format-{digest[:16]}.safetensors"
        return cls(name, chosen, path, digest)

    def build(self) -> nn.Module:
        """The network, frozen, in float32; the checkpoint is made and converted if need be.

        Raises:
            CheckpointError: the cache cannot be written, or what lies there is damaged.
        """
        if not self.path.is_file():
            self._make()
        return super().build()

    def _make(self) -> None:
        from rsbench_baselines.backbones.convert import convert_file
        from rsbench_baselines.demo_backbone.mae_format import write_mae_checkpoint

        checkpoint = self.path.with_suffix(".pth")
        try:
            write_mae_checkpoint(checkpoint)
        except OSError as error:
            raise CheckpointError(
                f"the demo checkpoint cannot be written: {error}",
                where=checkpoint,
                remedy="name another cache folder (RSBENCH_CACHE)",
            ) from error
        convert_file(checkpoint, self.path, self.options)
