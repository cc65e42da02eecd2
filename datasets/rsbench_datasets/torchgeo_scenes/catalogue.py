"""What is known about torchgeo's scene data sets: one declaration for each of them.

Names, layouts, addresses and checksums are those of torchgeo 0.8.1 and 0.10.1, which agree but
for the kind of checksum (MD5 in the one, the SHA-256 stated here in the other).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rsbench.fetch import RemoteFile

if TYPE_CHECKING:
    from collections.abc import Mapping

SENTINEL2_BANDS = (
    *("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B09", "B10", "B11", "B12", "B8A"),
)
"""Bands of the EuroSAT files in their order: B8A comes last."""

_HUB = "https://hf.co/datasets"
_EUROSAT = f"{_HUB}/torchgeo/eurosat/resolve/1ce6f1bfb56db63fd91b6ecc466ea67f2509774c"
_UCMERCED = f"{_HUB}/torchgeo/ucmerced/resolve/7c5ef3454d9b1cccfa7ccde0c01fc8f00a45909a"
_RESISC45 = f"{_HUB}/isaaccorley/resisc45/resolve/883edc0eee77b2c84225472f10f126e3ed83fa6e"
_PATTERNNET = f"{_HUB}/torchgeo/PatternNet/resolve/2dbd901b00e301967a5c5146b25454f5d3455ad0"
_FIRE_RISK = f"{_HUB}/isaaccorley/fire_risk/resolve/e6046a04350c6f1ab4ad791fb3a40bf8940be269"
_ADVANCE = "https://zenodo.org/records/3828124/files"


@dataclass(frozen=True)
class SceneSet:
    """One data set: where torchgeo finds it, what it holds, and under which terms.

    Attributes:
        name: folder in the data folder.
        title: what it holds, in one line.
        dataset: class in ``torchgeo.datasets``.
        layout: folders below the root that hold the images, by which an unpacked set is known.
        splits: torchgeo's names of the splits; () where there is a single one.
        lists: pattern of the files that list the names of a split's images, or "".
        images: pattern of the image files below the root, each in the folder of its class, where
            torchgeo's class asks for more than those and so is not asked; else "".
        arguments: further arguments of the class.
        files: archives and lists to fetch into the root; archives are unpacked there.
        unpacked: bytes of the unpacked archives, roughly, or None where nobody knows.
        by_hand: where to find what no command fetches, or "".
        licence: terms of use in a few words.
        homepage: where the set is described.
        download_size: what is downloaded, in words, or "".
        totals: images per split, where known ("" for a set of a single split).
        per_class: images of each class in a set of a single split, where they are equal and
            known; else 0.
        source: where ``totals`` are from.
    """

    name: str
    title: str
    dataset: str
    layout: tuple[str, ...]
    homepage: str
    licence: str
    splits: tuple[str, ...] = ()
    lists: str = ""
    images: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    files: tuple[RemoteFile, ...] = ()
    unpacked: int | None = None
    by_hand: str = ""
    download_size: str = ""
    totals: Mapping[str, int] = field(default_factory=dict)
    per_class: int = 0
    source: str = ""


EUROSAT = SceneSet(
    name="eurosat",
    title="EuroSAT, Sentinel-2 land use, 10 classes, 64 px",
    dataset="EuroSAT",
    layout=("ds/images/remote_sensing/otherDatasets/sentinel_2/tif",),
    splits=("train", "val", "test"),
    lists="eurosat-{split}.txt",
    homepage="https://github.com/phelber/EuroSAT",
    licence="MIT",
    download_size="2.1 GB",
    unpacked=2_900_000_000,  # 27,000 files of 13 bands, 64 x 64 pixels and 16 bits
    totals={"train": 16_200, "val": 5_400, "test": 5_400},
    source="the split lists of Neumann et al. (2019), as counted in the card of timm/eurosat-rgb",
    files=(
        RemoteFile(
            "EuroSATallBands.zip",
            f"{_EUROSAT}/EuroSATallBands.zip",
            sha256="751f070f9bffa2eed48b24ca2dd0b02959280c08837e8c9a5532a67ba611df59",
        ),
        RemoteFile(
            "eurosat-train.txt",
            f"{_EUROSAT}/eurosat-train.txt",
            sha256="1c1d2e855f95deee605a3d992f914d113fddbecf422ec61648057d029a37d695",
        ),
        RemoteFile(
            "eurosat-val.txt",
            f"{_EUROSAT}/eurosat-val.txt",
            sha256="b385741f31daa9f1250cf1e1fe03adfab394e1172e0693df40141af004f60330",
        ),
        RemoteFile(
            "eurosat-test.txt",
            f"{_EUROSAT}/eurosat-test.txt",
            sha256="cf37948894c12bd953930ff54ee9b7abf0b31478abb8d25fd2c6c721db74c592",
        ),
    ),
)

UCMERCED = SceneSet(
    name="ucmerced",
    title="UC Merced land use, aerial, 21 classes, 256 px",
    dataset="UCMerced",
    layout=("UCMerced_LandUse/Images",),
    splits=("train", "val", "test"),
    lists="uc_merced-{split}.txt",
    homepage="https://doi.org/10.1145/1869790.1869829",  # its former page has moved
    licence="public domain",
    download_size="332 MB",
    unpacked=420_000_000,  # 2,100 uncompressed files
    files=(
        RemoteFile(
            "UCMerced_LandUse.zip",
            f"{_UCMERCED}/UCMerced_LandUse.zip",
            sha256="06c539ef28703a58fb07bd2837991ac7c48b813b00bb12ac197efd813a18daeb",
        ),
        RemoteFile(
            "uc_merced-train.txt",
            f"{_UCMERCED}/uc_merced-train.txt",
            sha256="d625ea884cb2870e007774c1d64e904e9ae71ba3e7b4b92a9e8aa6065e2cd8cc",
        ),
        RemoteFile(
            "uc_merced-val.txt",
            f"{_UCMERCED}/uc_merced-val.txt",
            sha256="4459da518e2c1486471b4ea57734950c9c7c449611fe3468c0d1ca34a4bd3a56",
        ),
        RemoteFile(
            "uc_merced-test.txt",
            f"{_UCMERCED}/uc_merced-test.txt",
            sha256="0d3b64706fd2a9f9faaa1d7dade934ec8b4fd258a9853f037983b1f2db239220",
        ),
    ),
)

RESISC45 = SceneSet(
    name="resisc45",
    title="NWPU-RESISC45, Google Earth scenes, 45 classes, 256 px",
    dataset="RESISC45",
    layout=("NWPU-RESISC45",),
    splits=("train", "val", "test"),
    lists="resisc45-{split}.txt",
    homepage="https://doi.org/10.1109/jproc.2017.2675998",
    licence="CC-BY-NC-4.0 (as the mirror states)",
    download_size="427 MB",
    unpacked=430_000_000,
    totals={"train": 18_900, "val": 6_300, "test": 6_300},
    source="the split lists of Neumann et al. (2019), as counted in the card of timm/resisc45",
    files=(
        RemoteFile(
            "NWPU-RESISC45.zip",
            f"{_RESISC45}/NWPU-RESISC45.zip",
            size=427_389_445,
            sha256="beeecd0b63656290ae6d65cf7763185b0c1c4c54a753ef8088d6fba3faaf1f53",
        ),
        RemoteFile(
            "resisc45-train.txt",
            f"{_RESISC45}/resisc45-train.txt",
            sha256="ecfa963be4d85eac83665f8be8634abcb4fe6f3546472cc0e87999e2cab4449b",
        ),
        RemoteFile(
            "resisc45-val.txt",
            f"{_RESISC45}/resisc45-val.txt",
            sha256="08d81f642526bec240589000af7f49a47e8d071a6e7925b0f36246a78ab64342",
        ),
        RemoteFile(
            "resisc45-test.txt",
            f"{_RESISC45}/resisc45-test.txt",
            sha256="e0927e80130b47317a2f18520d98382b6fc56f0d3edd3345140f7d02267c3805",
        ),
    ),
)

PATTERNNET = SceneSet(
    name="patternnet",
    title="PatternNet, Google Earth scenes, 38 classes, 256 px",
    dataset="PatternNet",
    layout=("PatternNet/images",),
    homepage="https://sites.google.com/view/zhouwx/dataset",
    licence="CC-BY-4.0",
    download_size="1.4 GB",
    unpacked=1_500_000_000,
    totals={"": 30_400},
    per_class=800,
    source="torchgeo's documentation",
    files=(
        RemoteFile(
            "PatternNet.zip",
            f"{_PATTERNNET}/PatternNet.zip",
            sha256="456dd031950b0429518b8ec7d30a5c4b3f6456261ee1dd573a3eee43efb29958",
        ),
    ),
)

FIRE_RISK = SceneSet(
    name="fire_risk",
    title="FireRisk, aerial scenes by wildfire risk, 7 classes, 320 px",
    dataset="FireRisk",
    layout=("FireRisk/train", "FireRisk/val"),
    splits=("train", "val"),
    homepage="https://github.com/CharmonyShen/FireRisk",
    licence="CC-BY-NC-4.0",
    totals={"train": 70_331, "val": 21_541},
    source="torchgeo's documentation",
    files=(
        RemoteFile(
            "FireRisk.zip",
            f"{_FIRE_RISK}/FireRisk.zip",
            sha256="80d51d5bf5004e4cfffac5a64a23b46c4fb3427ebd1a4f0ac848ca2dbbbf46ac",
        ),
    ),
)

ADVANCE = SceneSet(
    name="advance",
    title="ADVANCE, Google Earth scenes (without their sound), 13 classes, 512 px",
    dataset="ADVANCE",
    layout=("vision",),
    images="vision/*/*.jpg",  # torchgeo asks for sounds, and pairs them in their order
    homepage="https://akchen.github.io/ADVANCE-DATASET/",
    licence="CC-BY-4.0",
    totals={"": 5_075},
    source="torchgeo's documentation",
    files=(
        RemoteFile(
            "ADVANCE_vision.zip",
            f"{_ADVANCE}/ADVANCE_vision.zip?download=1",
            md5="a9e8748219ef5864d3b5a8979a67b471",
        ),
    ),
)

MILLION_AID = SceneSet(
    name="million_aid",
    title="Million-AID, Google Earth scenes, 51 classes (its labelled training images)",
    dataset="MillionAID",
    layout=("train",),
    arguments={"task": "multi-class", "split": "train"},
    homepage="https://captain-whu.github.io/DiRS/",
    licence="none stated",
    by_hand="get train.zip of Million-AID (its homepage tells where), unpack it, and give the "
    "folder that holds 'train' to 'rsbench data prepare million_aid --from'",
)
