"""The pretrained weights that have a name: one declaration each, no code.

Where the facts are from:

- timm rows: timm's own ``pretrained_cfg`` of the tag (normalisation, size, licence); file names
  and commits from the repositories on the Hugging Face hub.
- ``sentinel2`` rows: torchgeo's ``ViTSmall16_Weights`` (0.8.1 and 0.10.1 agree: file, bands,
  digital numbers divided by 10000 and nothing else). SSL4EO-S12's networks have 6 heads, like
  timm's ViT-S and unlike the original MoCo v3.
- SatMAE: the authors' README (address) and util/datasets.py: fMoW-RGB is normalised with its own
  statistics. The released code of MetaPEFT feeds SatMAE with mean and deviation 0.5 instead, and
  so do we by default (paper sections 3 and 9.4); ``normalisation: training`` is the other.

A checksum is here where its publisher shows it; otherwise it is empty, and what was downloaded is
recorded beside the converted weights. Parameters are counted without classifier, at
``native_size``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from rsbench.backbone import Normalisation
from rsbench.fetch import HubFile, RemoteFile
from rsbench.imagery import PICTURE, BandInput
from rsbench_baselines.backbones.mae import DECODER_KEYS

HALF = Normalisation(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
"""AugReg ViTs; and SatMAE, as MetaPEFT's released code feeds it."""
IMAGENET = Normalisation(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
"""Swin, ConvNeXt, DINOv2."""
FMOW_RGB = Normalisation(
    mean=(0.4182007312774658, 0.4214799106121063, 0.3991275727748871),
    std=(0.28774282336235046, 0.27541765570640564, 0.2764017581939697),
)
"""SatMAE's fMoW-RGB images."""
SENTINEL2_BANDS = (
    *("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A"),
    *("B09", "B10", "B11", "B12"),
)
"""All bands of Sentinel-2 level 1C in torchgeo's order."""
SENTINEL2 = BandInput(bands=SENTINEL2_BANDS, quantity="reflectance")
AS_IT_IS = Normalisation(mean=(0.0,) * 13, std=(1.0,) * 13)
"""Reflectance (digital numbers / 10000) goes in unchanged."""


@dataclass(frozen=True)
class PretrainedWeights:
    """One set of published weights and the network that they belong to.

    Attributes:
        description: one line for ``rsbench ls backbones``.
        architecture: timm model name.
        source: where the file is published, or None where nobody publishes it.
        licence: terms of the weights; "" where the authors state none.
        parameters: number of parameters without classifier, at ``native_size``.
        download_size: what a download takes ("346 MB"); "" where nothing is published.
        normalisation: what the network is fed with by default.
        training_normalisation: what the weights were trained with, where that is another one.
        image_size: side of the input by default, pixels.
        native_size: side that the stored position table or windows are for, pixels.
        multiple: what the side of the input must be a multiple of, pixels.
        arguments: arguments of the architecture beyond its name.
        norm_eps: epsilon of every LayerNorm, or None for timm's own.
        ignore_keys: prefixes of keys in the file that are no part of the network.
        bands: what the input must be.
        disclaimer: what a reader of the results must know, or "".
    """

    description: str
    architecture: str
    source: HubFile | RemoteFile | None
    licence: str
    parameters: int
    download_size: str
    normalisation: Normalisation
    image_size: int = 224
    native_size: int = 224
    multiple: int = 16
    arguments: Mapping[str, JsonValue] = field(default_factory=dict)
    norm_eps: float | None = None
    ignore_keys: tuple[str, ...] = ("head.",)
    bands: BandInput = PICTURE
    disclaimer: str = ""
    training_normalisation: Normalisation | None = None

    def arguments_at(self, image_size: int, pooling: str) -> dict[str, JsonValue]:
        """Arguments of the architecture for an image size, with ``class_token`` or ``mean``."""
        arguments = dict(self.arguments)
        if self.architecture.startswith("swin") and image_size < self.native_size:
            arguments["always_partition"] = True  # timm would shrink the windows
        if self.architecture.startswith(("vit", "VisionTransformer")) and pooling == "mean":
            # the last norm comes first, as in the weights; then the mean
            arguments |= {"global_pool": "avg", "fc_norm": False}
        return arguments

    @property
    def published_as(self) -> str:
        """Repository or address of the file; "" where nobody publishes it."""
        if isinstance(self.source, HubFile):
            return self.source.repository
        return "" if self.source is None else self.source.url


def _timm(tag: str, revision: str = "main", sha256: str = "") -> HubFile:
    """The safetensors file of a timm tag; a commit where one is known to hold it."""
    return HubFile(f"timm/{tag}", "model.safetensors", revision=revision, sha256=sha256)


def _augreg(
    description: str, architecture: str, file: HubFile, parameters: int, download_size: str
) -> PretrainedWeights:
    return PretrainedWeights(
        description=description,
        architecture=architecture,
        source=file,
        licence="Apache-2.0",
        parameters=parameters,
        download_size=download_size,
        normalisation=HALF,
    )


def _dinov2(size: str, file: HubFile, parameters: int, download_size: str) -> PretrainedWeights:
    return PretrainedWeights(
        description=f"DINOv2 ViT-{size[0].upper()}/14, self-supervised on LVD-142M",
        architecture=f"vit_{size}_patch14_dinov2",
        source=file,
        licence="Apache-2.0",
        parameters=parameters,
        download_size=download_size,
        normalisation=IMAGENET,
        native_size=518,
        multiple=14,
        ignore_keys=("head.", "mask_token"),
    )


def _sentinel2(method: str, revision: str, sha256: str, size: int) -> PretrainedWeights:
    name = f"vit_small_patch16_224_sentinel2_all_{method.lower()}"
    return PretrainedWeights(
        description=f"ViT-S/16, 13 bands of Sentinel-2, {method} on SSL4EO-S12 (torchgeo)",
        architecture="vit_small_patch16_224",
        source=HubFile(
            f"torchgeo/{name}",
            f"{name}-{sha256[:8]}.pth",
            revision=revision,
            size=size,
            sha256=sha256,
        ),
        licence="CC-BY-4.0",
        parameters=22_648_704,
        download_size="91 MB",
        normalisation=AS_IT_IS,
        bands=SENTINEL2,
    )


def _satmae(
    description: str,
    architecture: str,
    source: RemoteFile | None,
    parameters: int,
    disclaimer: str = "",
) -> PretrainedWeights:
    return PretrainedWeights(
        description=description,
        architecture=architecture,
        source=source,
        licence="",  # neither the repository nor its README states one
        parameters=parameters,
        download_size="" if source is None else "1.3 GB or more",
        normalisation=HALF,
        training_normalisation=FMOW_RGB,
        norm_eps=1e-6,
        ignore_keys=DECODER_KEYS,
        disclaimer=disclaimer,
    )


CATALOGUE: Mapping[str, PretrainedWeights] = {
    "in21k_vit_b16": _augreg(
        "ViT-B/16, ImageNet-21k (AugReg)",
        "vit_base_patch16_224",
        _timm("vit_base_patch16_224.augreg_in21k"),
        85_798_656,
        "410 MB",
    ),
    "in21k_ft_in1k_vit_b16": _augreg(
        "ViT-B/16, ImageNet-21k, then ImageNet-1k (AugReg 2): what MetaPEFT's code loads",
        "vit_base_patch16_224",
        _timm(
            "vit_base_patch16_224.augreg2_in21k_ft_in1k",
            "3feba41e737e1b28af8e1fd7dca8eed073385972",
        ),
        85_798_656,
        "346 MB",
    ),
    "in21k_ft_in1k_vit_b16_augreg1": _augreg(
        "ViT-B/16, ImageNet-21k, then ImageNet-1k (AugReg): timm's default before 0.8",
        "vit_base_patch16_224",
        _timm(
            "vit_base_patch16_224.augreg_in21k_ft_in1k",
            "b5b38b8f7dd93ce67d12e356a8771556b95c8cf9",
        ),
        85_798_656,
        "346 MB",
    ),
    "in21k_vit_l16": _augreg(
        "ViT-L/16, ImageNet-21k (AugReg)",
        "vit_large_patch16_224",
        _timm("vit_large_patch16_224.augreg_in21k"),
        303_301_632,
        "1.3 GB",
    ),
    "in21k_swin_b": PretrainedWeights(
        description="Swin-B, window 7, ImageNet-22k",
        architecture="swin_base_patch4_window7_224",
        source=_timm("swin_base_patch4_window7_224.ms_in22k"),
        licence="MIT",
        parameters=86_743_224,
        download_size="437 MB",
        normalisation=IMAGENET,
        multiple=32,
    ),
    "in21k_convnext_b": PretrainedWeights(
        description="ConvNeXt-B, ImageNet-22k",
        architecture="convnext_base",
        source=_timm("convnext_base.fb_in22k"),
        licence="Apache-2.0",
        parameters=87_566_464,
        download_size="440 MB",
        normalisation=IMAGENET,
        multiple=32,
        ignore_keys=("head.fc.",),  # its last normalisation is head.norm
    ),
    "dinov2_vit_s14": _dinov2(
        "small",
        _timm("vit_small_patch14_dinov2.lvd142m", "cace07adb9220de26eb51226ecbef6d04d35defe"),
        22_056_192,
        "88 MB",
    ),
    "dinov2_vit_b14": _dinov2(
        "base",
        _timm(
            "vit_base_patch14_dinov2.lvd142m",
            "1926dc569694559b394898d7ba5d88a775301036",
            "55cbb5d887b336d430e649c277b85a1429e724871f9d02ac16203235886d8c7b",
        ),
        86_579_712,
        "346 MB",
    ),
    "dinov2_vit_l14": _dinov2(
        "large", _timm("vit_large_patch14_dinov2.lvd142m"), 304_367_616, "1.2 GB"
    ),
    "satmae_vit_l16": _satmae(
        "SatMAE ViT-L/16, masked autoencoder on fMoW-RGB",
        "vit_large_patch16_224",
        RemoteFile(
            "fmow_pretrain.pth", "https://zenodo.org/record/7369797/files/fmow_pretrain.pth"
        ),
        303_301_632,
    ),
    "satmae_vit_b16": _satmae(
        "ViT-B/16 from a SatMAE checkpoint of your own (none is published for fMoW-RGB)",
        "vit_base_patch16_224",
        None,
        85_798_656,
        "satmae_vit_b16: the weights are a file of the user's; the SatMAE authors publish no "
        "ViT-B/16 trained on fMoW-RGB",
    ),
    "sentinel2_vit_s16_moco": _sentinel2(
        "MoCo",
        "1cb683f6c14739634cdfaaceb076529adf898c74",
        "67c9032df0449ae37f93c51696bcae0c6dc3485103deb44b4669e9897b90409c",
        90_668_909,
    ),
    "sentinel2_vit_s16_dino": _sentinel2(
        "DINO",
        "5b41dd418a79de47ac9f5be3e035405a83818a62",
        "36bcc1273227252faf98e1d9f32c35166d3612d30dc0c15812c29bed6da9a7d5",
        90_644_269,
    ),
}
"""By the name of the entry point in ``rsbench.backbones``."""
