"""Named backbones: the declarations are true, and only what was fetched whole is used."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import torch
from mae_layout import TINY, checkpoint, random_model
from named import tiny_kind
from safetensors.torch import save_file

from rsbench import registry
from rsbench.backbone import Normalisation
from rsbench.errors import (
    CheckpointError,
    DownloadError,
    MissingWeightsError,
    SettingsError,
)
from rsbench.fetch import HubFile, RemoteFile
from rsbench.file_state import file_state
from rsbench.folders import Folders
from rsbench_baselines.backbones import file_hash, keeping
from rsbench_baselines.backbones.catalogue import CATALOGUE
from rsbench_baselines.backbones.named import NamedBackbone, NamedOptions, named_backbone
from rsbench_baselines.backbones.stored import note_path

NAMES = sorted(CATALOGUE)
TIMM = [name for name in NAMES if CATALOGUE[name].published_as.startswith("timm/")]


def skeleton(kind: type[NamedBackbone], **options: Any) -> torch.nn.Module:
    """The network that ``open`` and ``build`` would make, without memory for its weights."""
    from rsbench_baselines.backbones.architecture import empty_network

    chosen = kind.checkpoint_options(NamedOptions(**options))
    with torch.device("meta"):
        return empty_network(
            chosen.architecture,
            chosen.network_arguments,
            image_size=chosen.image_size,
            norm_eps=chosen.norm_eps,
            path=Path("none"),
        )


def fetched(folder: Path, kind: type[NamedBackbone] | None = None) -> type[NamedBackbone]:
    """The tiny backbone with its weights in the data folder."""
    kind = kind or tiny_kind()
    torch.save(checkpoint(random_model(TINY)), folder / "pretrain.pth")
    kind.fetch_weights(Folders(), source=folder / "pretrain.pth")
    return kind


class TestDeclarations:
    def test_each_is_an_entry_point_and_the_other_way_round(self) -> None:
        module = "rsbench_baselines.backbones.named:"
        points = entry_points(group="rsbench.backbones")
        assert {point.name: point.value for point in points if point.value.startswith(module)} == {
            name: module + name for name in NAMES
        }

    @pytest.mark.parametrize("name", NAMES)
    def test_the_registry_gives_its_class(self, name: str) -> None:
        kind = registry.backbone_class(name)
        assert issubclass(kind, NamedBackbone)
        assert kind is named_backbone(name)
        assert kind.declared is CATALOGUE[name]
        assert kind.description == CATALOGUE[name].description != ""

    @pytest.mark.parametrize("name", NAMES)
    def test_the_network_has_the_declared_parameters(self, name: str) -> None:
        kind = named_backbone(name)
        network = skeleton(kind, image_size=kind.declared.native_size)
        assert sum(p.numel() for p in network.parameters()) == kind.declared.parameters

    @pytest.mark.parametrize("name", TIMM)
    def test_timm_says_the_same_of_its_weights(self, name: str) -> None:
        import timm

        declared = CATALOGUE[name]
        tag = declared.published_as.removeprefix("timm/")
        cfg = timm.get_pretrained_cfg(tag)
        assert cfg is not None
        assert declared.architecture == tag.partition(".")[0]
        assert declared.normalisation.mean == cfg.mean
        assert declared.normalisation.std == cfg.std
        assert declared.native_size == cfg.input_size[-1]
        assert declared.licence.lower() == cfg.license
        assert cfg.hf_hub_id == declared.published_as
        assert any(f"{cfg.classifier}.".startswith(key) for key in declared.ignore_keys)

    @pytest.mark.parametrize("method", ["moco", "dino"])
    def test_torchgeo_says_the_same_of_its_weights(self, method: str) -> None:
        from torchgeo.models import ViTSmall16_Weights

        theirs = ViTSmall16_Weights[f"SENTINEL2_ALL_{method.upper()}"]
        declared = CATALOGUE[f"sentinel2_vit_s16_{method}"]
        file = declared.source
        assert isinstance(file, HubFile)
        where = f"{file.repository}/resolve/{file.revision}/{file.name}"
        assert theirs.url.endswith(where)
        bands = [
            f"B{int(b[1:]):02}" if b[1:].isdigit() else b.upper() for b in theirs.meta["bands"]
        ]
        assert declared.bands.bands == tuple(bands)
        assert declared.bands.quantity == "reflectance"
        assert declared.architecture == theirs.meta["model"]
        digital = torch.linspace(0, 15000, 13).reshape(1, 13, 1, 1).expand(1, 13, 256, 256)
        fed = theirs.transforms(digital.clone())[0, :, 0, 0]
        normal = declared.normalisation
        ours = (digital[0, :, 0, 0] / 10000 - torch.tensor(normal.mean)) / torch.tensor(normal.std)
        torch.testing.assert_close(fed, ours * normal.multiplier + normal.offset)

    def test_sentinel2_weights_take_13_bands(self) -> None:
        kind = named_backbone("sentinel2_vit_s16_moco")
        network = skeleton(kind)
        assert network.patch_embed.proj.weight.shape == (384, 13, 16, 16)  # type: ignore[union-attr]

    def test_a_checksum_is_whole_or_absent(self) -> None:
        known = [row.source.sha256 for row in CATALOGUE.values() if row.source is not None]
        assert {len(sha256) for sha256 in known} == {0, 64}


class TestOptions:
    @pytest.mark.parametrize(
        ("name", "image_size", "better"),
        [("dinov2_vit_s14", 100, 98), ("in21k_vit_b16", 120, 128), ("in21k_swin_b", 100, 96)],
    )
    def test_a_size_that_does_not_fit_is_refused(
        self, name: str, image_size: int, better: int
    ) -> None:
        with pytest.raises(SettingsError, match=rf"no multiple[\s\S]*take {better}"):
            named_backbone(name).checkpoint_options(NamedOptions(image_size=image_size))

    @pytest.mark.parametrize("image_size", [96, 192, 224, 448])
    def test_a_swin_keeps_its_windows_at_every_size(self, image_size: int) -> None:
        network = skeleton(named_backbone("in21k_swin_b"), image_size=image_size)
        tables = [t for n, t in network.state_dict().items() if "bias_table" in n]
        assert {len(table) for table in tables} == {13 * 13}

    def test_dinov2_runs_at_224_by_default(self) -> None:
        options = named_backbone("dinov2_vit_b14").checkpoint_options(NamedOptions())
        assert (options.image_size, options.position_resize) == (224, "bicubic")

    def test_another_normalisation_is_an_option(self, tmp_path: Path) -> None:
        kind = fetched(tmp_path)
        half = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
        options = NamedOptions.model_validate({"normalisation": half})
        assert kind.open("x", options, Folders()).info.normalisation.mean == (0.5, 0.5, 0.5)
        default = kind.open("x", NamedOptions(), Folders()).info.normalisation
        assert default == kind.declared.normalisation

    def test_satmae_is_fed_as_the_released_code_does_or_as_it_was_trained(self) -> None:
        kind = named_backbone("satmae_vit_l16")
        default = kind.checkpoint_options(NamedOptions()).normalisation
        assert (default.mean, default.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        chosen = NamedOptions(normalisation="training")
        trained = kind.checkpoint_options(chosen).normalisation
        assert trained.mean == pytest.approx((0.4182, 0.4215, 0.3991), abs=1e-4)
        augreg = named_backbone("in21k_vit_b16")
        assert augreg.checkpoint_options(chosen).normalisation.mean == (0.5, 0.5, 0.5)

    def test_a_normalisation_of_another_number_of_bands_is_refused(self) -> None:
        options = NamedOptions.model_validate({"normalisation": {"mean": (0.5,), "std": (0.5,)}})
        with pytest.raises(SettingsError, match="1 means and 1 stds for 13 bands"):
            named_backbone("sentinel2_vit_s16_moco").checkpoint_options(options)

    def test_what_shapes_the_network_is_part_of_the_identity(self, tmp_path: Path) -> None:
        kind = fetched(tmp_path)
        choices: list[dict[str, Any]] = [{}, {"pooling": "mean"}, {"image_size": 48}]
        infos = [kind.open("x", NamedOptions(**choice), Folders()).info for choice in choices]
        assert len({repr((info.architecture, info.image_size)) for info in infos}) == 3
        assert len({info.weights_hash for info in infos}) == 1


class TestOpening:
    def test_without_weights_it_says_what_to_run_and_needs_no_torch(self) -> None:
        code = (
            "import sys\n"
            "from rsbench import registry\n"
            "from rsbench.errors import MissingWeightsError\n"
            "from rsbench.folders import Folders\n"
            f"for name in {NAMES}:\n"
            "    kind = registry.backbone_class(name)\n"
            "    try:\n"
            "        kind.open(name, kind.Options(), Folders())\n"
            "    except MissingWeightsError as error:\n"
            "        assert error.where.endswith(f'weights/{name}.safetensors'), error.where\n"
            "        assert error.command.startswith(f'rsbench weights fetch {name}')\n"
            "    else:\n"
            "        raise SystemExit(name)\n"
            "heavy = ('torch', 'timm', 'safetensors', 'huggingface_hub', 'requests')\n"
            "print('imported:', [each for each in heavy if each in sys.modules])\n"
        )
        run = subprocess.run(
            [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False
        )
        assert "imported: []" in run.stdout, run.stderr

    def test_weights_nobody_publishes_are_asked_of_the_user(self) -> None:
        kind = named_backbone("satmae_vit_b16")
        with pytest.raises(MissingWeightsError) as caught:
            kind.open("x", NamedOptions(), Folders())
        assert caught.value.command == "rsbench weights fetch satmae_vit_b16 --from FILE"

    def test_the_file_is_read_once_and_its_digest_remembered(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kind = fetched(tmp_path)
        first = kind.open("x", NamedOptions(), Folders()).info.weights_hash

        def fail(path: Path) -> str:
            raise AssertionError(f"{path} is read again")

        with monkeypatch.context() as patch:
            patch.setattr(file_hash, "file_hash", fail)
            assert kind.open("x", NamedOptions(), Folders()).info.weights_hash == first
        for memory in (Folders().cache / "digests").iterdir():
            memory.write_text("{ damaged")
        assert kind.open("x", NamedOptions(), Folders()).info.weights_hash == first

    def test_weights_that_changed_since_are_refused(self, tmp_path: Path) -> None:
        kind = fetched(tmp_path)
        path = kind.weights_file(Folders())
        kind.open("x", NamedOptions(), Folders())
        damaged = bytearray(path.read_bytes())
        damaged[-1] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"checksum has changed[\s\S]*weights fetch tiny"):
            kind.open("x", NamedOptions(), Folders())

    @pytest.mark.parametrize("content", [None, "{}", "nonsense"])
    def test_weights_without_a_note_are_refused(self, tmp_path: Path, content: str | None) -> None:
        kind = fetched(tmp_path)
        note = note_path(kind.weights_file(Folders()))
        note.unlink() if content is None else note.write_text(content)
        with pytest.raises(CheckpointError, match=r"where these weights are from cannot be read"):
            kind.open("x", NamedOptions(), Folders())

    def test_an_opened_backbone_can_be_sent_to_a_worker(self, tmp_path: Path) -> None:
        kind = named_backbone("dinov2_vit_s14")
        save_file({"a": torch.zeros(1)}, tmp_path / "own.safetensors")
        options = NamedOptions(weights="own.safetensors")
        backbone = kind.open("x", options, Folders(base=tmp_path))
        again = pickle.loads(pickle.dumps(backbone))
        assert type(again) is kind
        assert again.info == backbone.info


class TestFetching:
    FILE = RemoteFile("pretrain.pth", "https://example.org/pretrain.pth")

    def downloads(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """Every file asked for; each is the tiny checkpoint."""
        torch.save(checkpoint(random_model(TINY)), folder / "pretrain.pth")
        asked: list[Any] = []

        def fetch(file: Any, into: Path, progress: Any) -> Path:
            asked.append(file)
            return folder / "pretrain.pth"

        monkeypatch.setattr(keeping, "fetch", fetch)
        return asked

    def test_a_download_is_converted_noted_and_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = self.downloads(tmp_path, monkeypatch)
        kind = tiny_kind(source=self.FILE)
        lines = "\n".join(kind.fetch_weights(Folders()))
        assert "no checksum to compare with; recorded" in lines
        path = kind.weights_file(Folders())
        note = json.loads(note_path(path).read_text())
        assert note["source"] == self.FILE.url
        assert note["source_sha256"] == file_hash.file_hash(tmp_path / "pretrain.pth")
        assert note["sha256"] == file_hash.file_hash(path)
        assert note["published"] is True
        assert kind.open("x", NamedOptions(), Folders()).info.disclaimer == ""
        assert "is there already" in kind.fetch_weights(Folders())[0]
        assert asked == [self.FILE]

    def test_damaged_weights_are_fetched_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = self.downloads(tmp_path, monkeypatch)
        kind = tiny_kind(source=self.FILE)
        kind.fetch_weights(Folders())
        whole = kind.weights_file(Folders()).read_bytes()
        kind.weights_file(Folders()).write_bytes(whole[:-1])
        kind.fetch_weights(Folders())
        assert len(asked) == 2
        assert kind.weights_file(Folders()).read_bytes() == whole

    def test_the_commit_of_a_hub_file_is_noted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commit = tmp_path / "models--o--r" / "snapshots" / ("a" * 40)
        commit.mkdir(parents=True)
        self.downloads(commit, monkeypatch)
        kind = tiny_kind(source=HubFile("o/r", "pretrain.pth"))
        kind.fetch_weights(Folders())
        note = json.loads(note_path(kind.weights_file(Folders())).read_text())
        assert (note["source"], note["revision"]) == ("o/r", "a" * 40)

    def test_a_file_of_ones_own_is_told_in_the_results(self, tmp_path: Path) -> None:
        kind = fetched(tmp_path)
        assert "pretrain.pth" in kind.open("x", NamedOptions(), Folders()).info.disclaimer

    def test_a_file_with_the_published_checksum_is_the_published_one(self, tmp_path: Path) -> None:
        torch.save(checkpoint(random_model(TINY)), tmp_path / "pretrain.pth")
        digest = file_hash.file_hash(tmp_path / "pretrain.pth")
        kind = tiny_kind(source=RemoteFile("pretrain.pth", self.FILE.url, sha256=digest))
        assert "as published" in "\n".join(
            kind.fetch_weights(Folders(), source=tmp_path / "pretrain.pth")
        )
        assert kind.open("x", NamedOptions(), Folders()).info.disclaimer == ""
        other = tiny_kind(source=RemoteFile("pretrain.pth", self.FILE.url, sha256="0" * 64))
        lines = other.fetch_weights(Folders(), source=tmp_path / "pretrain.pth")
        assert "not the published file" in "\n".join(lines)

    def test_nobody_publishes_it(self) -> None:
        with pytest.raises(DownloadError, match=r"nobody publishes[\s\S]*--from FILE"):
            tiny_kind().fetch_weights(Folders())

    def test_a_missing_file_names_itself(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match=r"absent.pth[\s\S]*cannot be opened"):
            tiny_kind().fetch_weights(Folders(), source=tmp_path / "absent.pth")


class TestVerifying:
    def test_it_says_what_it_checked(self, tmp_path: Path) -> None:
        kind = fetched(tmp_path)
        lines = "\n".join(kind.verify_weights(Folders()))
        assert "as fetched" in lines
        assert "all 30 keys fit" in lines
        assert "not known to be the published file" in lines

    def test_another_number_of_parameters_is_told(self, tmp_path: Path) -> None:
        kind = fetched(tmp_path, tiny_kind(parameters=9_000))
        with pytest.raises(CheckpointError, match="9,968 parameters instead of 9,000"):
            kind.verify_weights(Folders())

    def test_missing_weights(self) -> None:
        with pytest.raises(MissingWeightsError, match="rsbench weights fetch tiny --from FILE"):
            tiny_kind().verify_weights(Folders())

    def test_damage_behind_the_digest_cache_is_found(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kind = fetched(tmp_path)
        path = kind.weights_file(Folders())
        kind.open("x", NamedOptions(), Folders())
        state = file_state(path)
        damaged = bytearray(path.read_bytes())
        damaged[-1] ^= 1
        path.write_bytes(damaged)
        monkeypatch.setattr(file_hash, "file_state", lambda _: state)  # as a failing disk would
        kind.open("x", NamedOptions(), Folders())
        with pytest.raises(CheckpointError, match="checksum is wrong"):
            kind.verify_weights(Folders())

    def test_weights_that_took_the_place_of_others_are_noticed(self, tmp_path: Path) -> None:
        """Of the same size, and under the same time: a moved file keeps both."""
        for name, content in (("a", b"1234"), ("b", b"5678")):
            (tmp_path / name).write_bytes(content)
            os.utime(tmp_path / name, ns=(1, 1))
        first = file_hash.remembered_hash(tmp_path / "a", tmp_path / "cache")
        (tmp_path / "b").rename(tmp_path / "a")
        assert file_hash.remembered_hash(tmp_path / "a", tmp_path / "cache") != first

    def test_a_pipe_is_no_weights_file(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        for read in (file_hash.file_hash, lambda path: file_hash.remembered_hash(path, tmp_path)):
            with pytest.raises(CheckpointError, match="it is a folder, a pipe or a device"):
                read(tmp_path / "pipe")

    def test_numbers_that_are_not_finite_are_named(self, tmp_path: Path) -> None:
        model = random_model(TINY)
        model["blocks.1.mlp.fc2.bias"][3] = torch.nan
        torch.save(checkpoint(model), tmp_path / "pretrain.pth")
        kind = tiny_kind()
        with pytest.raises(CheckpointError, match=r"not finite: blocks\.1\.mlp\.fc2\.bias"):
            kind.fetch_weights(Folders(), source=tmp_path / "pretrain.pth")
        assert not kind.weights_file(Folders()).exists()


def test_dinov2_from_the_real_file_runs_as_a_named_backbone(shared_data: Path) -> None:
    from rsbench_baselines.backbones.checkpoint import Checkpoint
    from rsbench_baselines.backbones.checkpoint_options import CheckpointOptions

    file = shared_data / "weights" / "dinov2_vit_s14_timm_fp16.safetensors"
    kind = named_backbone("dinov2_vit_s14")
    kind.fetch_weights(Folders(), source=file)
    assert "22,056,192 parameters" in "\n".join(kind.verify_weights(Folders()))
    backbone = kind.open("dinov2", NamedOptions(image_size=98), Folders())
    direct = Checkpoint.open(
        "direct",
        CheckpointOptions(
            architecture="vit_small_patch14_dinov2",
            weights=str(file),
            image_size=98,
            normalisation=Normalisation(statistics="target"),
            position_resize="bicubic",
        ),
        Folders(),
    )
    probe = torch.randn(1, 3, 98, 98, generator=torch.Generator().manual_seed(0))
    network = backbone.build()
    with torch.no_grad():
        features = backbone.features(network, probe)
        assert torch.equal(features, direct.features(direct.build(), probe))
    assert features.shape == (1, 384)
    assert len([site for site in backbone.sites(network) if site.kind == "linear"]) == 72
