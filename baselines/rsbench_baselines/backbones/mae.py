"""The layout of a masked autoencoder's checkpoint (MAE, SatMAE): what of it is the encoder.

``torch.save({"model": ..., "optimizer": ..., "epoch": ..., "scaler": ..., "args": Namespace})``
as MAE's own ``save_model`` writes it. The encoder's keys are those of timm's VisionTransformer:
``cls_token``, ``pos_embed`` (class token first), ``patch_embed.proj``, ``blocks.N.{norm1,
attn.qkv, attn.proj, norm2, mlp.fc1, mlp.fc2}`` and ``norm``. Facts from the public repositories
of MAE (models_mae.py) and SatMAE (models_vit.py, util/misc.py).
"""

from __future__ import annotations

from collections.abc import Iterable

DECODER_KEYS = (
    "mask_token",
    "decoder_embed.",
    "decoder_pos_embed",
    "decoder_blocks.",
    "decoder_norm.",
    "decoder_pred.",
)
"""Prefixes of the keys that only pretraining needs."""


def what_else(keys: Iterable[str]) -> str:
    """Which other checkpoint of the SatMAE authors these keys point to, as advice, or ""."""
    names = set(keys)
    if "channel_embed" in names or any(name.startswith("patch_embed.0.") for name in names):
        return (
            "these are the keys of the multi-spectral SatMAE with channel groups, which is no "
            "plain ViT: use the checkpoint trained on fMoW-RGB"
        )
    if any(name.startswith(("fc_norm.", "head.")) for name in names):
        return "these are the keys of a fine-tuned network: use the pretrained checkpoint"
    return ""
