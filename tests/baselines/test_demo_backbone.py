"""Demo backbone: the source world, the shipped weights and the script that makes them."""

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from rsbench_baselines.demo_backbone import network as network_module
from rsbench_baselines.demo_backbone.augment import (
    AugmentConfig,
    centre_view,
    crop,
    distort,
    draw_crops,
)
from rsbench_baselines.demo_backbone.designs import FAMILIES, draw_design
from rsbench_baselines.demo_backbone.fills import FILLS, fill
from rsbench_baselines.demo_backbone.network import IMAGE_SIZE, WEIGHTS, build_network, load_network
from rsbench_baselines.demo_backbone.outlines import OUTLINES, outline
from rsbench_baselines.demo_backbone.pool import make_pool
from rsbench_baselines.demo_backbone.pretrain import main
from rsbench_baselines.demo_backbone.source import SourceWorld
from rsbench_baselines.demo_backbone.teacher import GRID, load_teacher
from rsbench_baselines.demo_backbone.training import PretrainConfig, train

TINY = ["--steps", "2", "--pool-images", "16", "--num-classes", "5", "--batch-size", "8",
        "--test-images", "6", "--checkpoint-every", "1"]  # fmt: skip


def source_images(count: int) -> torch.Tensor:
    """Return source images as network input, shape (count, 3, 48, 48)."""
    pictures = SourceWorld(20).render_many(np.arange(count), seed=3, size=IMAGE_SIZE)
    return torch.from_numpy(pictures).permute(0, 3, 1, 2) / 127.5 - 1.0


class TestSourceWorld:
    """The renderer of the source images."""

    def test_shape_type_and_range(self) -> None:
        picture = SourceWorld(3).render(2, np.random.default_rng(0), size=40)
        assert picture.shape == (40, 40, 3)
        assert picture.dtype == np.uint8
        assert picture.std() > 5.0

    def test_same_seeds_same_pictures(self) -> None:
        labels = np.array([0, 4, 9])
        first = SourceWorld(10, seed=1).render_many(labels, seed=5, size=32)
        again = SourceWorld(10, seed=1).render_many(labels, seed=5, size=32)
        assert np.array_equal(first, again)

    def test_a_picture_does_not_depend_on_the_others(self) -> None:
        world = SourceWorld(10)
        many = world.render_many(np.array([3, 7]), seed=5, first=40, size=32)
        alone = world.render_many(np.array([7]), seed=5, first=41, size=32)
        assert np.array_equal(many[1], alone[0])

    @pytest.mark.parametrize(
        ("world_seed", "picture_seed", "label"), [(2, 5, 0), (1, 6, 0), (1, 5, 1)]
    )
    def test_other_seed_or_class_other_picture(
        self, world_seed: int, picture_seed: int, label: int
    ) -> None:
        reference = SourceWorld(2, seed=1).render_many(np.array([0]), seed=5, size=32)
        other = SourceWorld(2, seed=world_seed).render_many(
            np.array([label]), seed=picture_seed, size=32
        )
        assert not np.array_equal(reference, other)

    def test_classes_differ_and_cover_every_family(self) -> None:
        designs = SourceWorld(28).designs
        assert len(set(designs)) == 28
        assert {design.family for design in designs} == set(FAMILIES)

    def test_a_class_does_not_depend_on_how_many_there_are(self) -> None:
        assert SourceWorld(5).designs[4] == SourceWorld(9).designs[4] == draw_design(0, 4)

    def test_bad_arguments_are_explained(self) -> None:
        with pytest.raises(ValueError, match="num_classes is 0"):
            SourceWorld(0)
        with pytest.raises(ValueError, match="label 3 is out of range: use 0 to 2"):
            SourceWorld(3).render(3, np.random.default_rng(0))
        with pytest.raises(ValueError, match="size is 4"):
            SourceWorld(3).render(0, np.random.default_rng(0), size=4)

    @pytest.mark.parametrize("name", OUTLINES)
    def test_outlines_stay_in_the_unit_square(self, name: str) -> None:
        vertices = outline(name, 7, 0.6)
        assert vertices.shape[1] == 2
        assert np.abs(vertices).max() <= 1.01
        assert np.ptp(vertices, axis=0).min() > 0.5

    @pytest.mark.parametrize("name", FILLS)
    def test_fills_are_shares(self, name: str) -> None:
        u, v = np.meshgrid(*[np.linspace(-1, 1, 20, dtype=np.float32)] * 2)
        share = fill(name, u, v, pitch=2.0, phase=0.3)
        assert share.shape == u.shape
        assert share.min() >= 0.0
        assert share.max() <= 1.0
        assert (share.std() > 0.0) == (name != "plain")

    def test_unknown_names_are_refused(self) -> None:
        with pytest.raises(ValueError, match="unknown outline 'blob'"):
            outline("blob")
        with pytest.raises(ValueError, match="unknown fill 'fur'"):
            fill("fur", np.zeros(1, np.float32), np.zeros(1, np.float32), 1.0, 0.0)


class TestViews:
    """Random views of source images."""

    def test_views_are_deterministic_bounded_and_varied(self) -> None:
        images, config = source_images(6), AugmentConfig()

        def views(seed: int) -> torch.Tensor:
            generator = torch.Generator().manual_seed(seed)
            matrices = draw_crops(len(images), generator, config)
            return distort(crop(images, matrices, 24), generator, config)

        assert views(0).shape == (6, 3, 24, 24)
        assert views(0).abs().max() <= 1.0
        assert torch.equal(views(0), views(0))
        assert not torch.equal(views(0), views(1))

    def test_the_identity_crop_keeps_the_image(self) -> None:
        images = source_images(2)
        identity = torch.eye(2, 3).expand(2, 2, 3)
        torch.testing.assert_close(crop(images, identity, IMAGE_SIZE), images, atol=1e-4, rtol=0)

    def test_grey_views_have_equal_channels(self) -> None:
        config = AugmentConfig(grey=1.0, noise=0.0, erase=0.0)
        views = distort(source_images(4), torch.Generator().manual_seed(0), config)
        torch.testing.assert_close(views[:, 0], views[:, 1], atol=1e-5, rtol=0)

    def test_centre_view_resizes(self) -> None:
        assert centre_view(source_images(1), 16).shape == (1, 3, 16, 16)


class TestWeights:
    """The shipped weights."""

    def test_load_strictly_and_give_useful_features(self) -> None:
        network = load_network()
        assert sum(value.numel() for value in network.parameters()) == 1_219_456
        with torch.inference_mode():
            features = network(source_images(8))
        assert features.shape == (8, 128)
        assert torch.isfinite(features).all()
        distances = torch.pdist(features)
        assert distances.min() > 0.05 * distances.mean()

    def test_every_weight_is_finite_and_half_precision(self) -> None:
        from safetensors.torch import load_file

        weights = load_file(WEIGHTS)
        assert {value.dtype for value in weights.values()} == {torch.float16}
        assert all(torch.isfinite(value).all() for value in weights.values())
        assert not any(key.startswith("head") for key in weights)

    def test_same_class_is_nearer_than_other_class(self) -> None:
        world, network = SourceWorld(20), load_network()
        labels = np.repeat(np.arange(20), 6)
        pictures = torch.from_numpy(world.render_many(labels, seed=11)).permute(0, 3, 1, 2)
        with torch.inference_mode():
            features = network(centre_view(pictures / 127.5 - 1.0, IMAGE_SIZE))
        means = features.reshape(20, 6, 128)[:, :3].mean(dim=1)
        nearest = torch.cdist(features.reshape(20, 6, 128)[:, 3:].flatten(0, 1), means).argmin(1)
        # 60 pictures, 20 classes: chance is 0.05.
        assert (nearest.numpy() == np.repeat(np.arange(20), 3)).mean() > 0.2

    def test_the_model_card_names_this_file(self) -> None:
        card = (WEIGHTS.parent / "MODEL_CARD.md").read_text(encoding="utf-8")
        named = re.findall(r"sha256 of `demo_vit.safetensors`: `([0-9a-f]{64})`", card)
        assert named == [hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()]

    def test_the_files_stay_small(self) -> None:
        assert WEIGHTS.stat().st_size < 6_000_000

    def test_an_absent_file_is_explained(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match="make them with python -m"):
            load_network(tmp_path / "absent.safetensors")

    def test_light_modules_do_not_import_torch(self) -> None:
        code = (
            "import sys, rsbench_baselines.demo_backbone.network, "
            "rsbench_baselines.demo_backbone.pretrain; print('torch' in sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "False"


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="pretraining needs torch 2.9")
class TestPretraining:
    """The script that makes the weights."""

    @pytest.fixture(autouse=True)
    def keep_process_settings(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Undo what the script sets for its process: attention kernel and threads."""
        threads = torch.get_num_threads()
        monkeypatch.setenv("TIMM_FUSED_ATTN", "0")
        yield
        torch.set_num_threads(threads)

    def test_two_supervised_steps_write_loadable_weights(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "made" / "weights.safetensors"
        assert main(["--out", str(out), "--supervised", *TINY]) == 0
        assert "of 6 held-out source images of 5 classes" in capsys.readouterr().out
        made = load_network(out)
        assert torch.isfinite(made(source_images(2))).all()
        assert load_network(out.with_suffix(".interim.safetensors"))
        assert sorted(path.suffix for path in out.parent.iterdir()) == [".safetensors"] * 2

    def test_the_seed_decides_the_weights(self, tmp_path: Path) -> None:
        digests = []
        for run, seed in enumerate(("3", "3", "4")):
            out = tmp_path / f"{run}.safetensors"
            assert main(["--out", str(out), "--supervised", "--seed", seed, *TINY]) == 0
            digests.append(hashlib.sha256(out.read_bytes()).hexdigest())
        assert digests[0] == digests[1]
        assert digests[0] != digests[2]

    def test_an_absent_teacher_is_explained(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "weights.safetensors"
        assert main(["--out", str(out), "--teacher", str(tmp_path / "no.safetensors"), *TINY]) == 2
        assert "or ask for --supervised" in capsys.readouterr().err
        assert not out.exists()
        with pytest.raises(FileNotFoundError, match="vit_small_patch14_dinov2"):
            load_teacher(tmp_path / "no.safetensors")

    def test_the_way_must_be_chosen(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit):
            main(["--out", str(tmp_path / "weights.safetensors")])
        assert "one of the arguments --teacher --supervised is required" in capsys.readouterr().err

    def test_a_pool_below_one_batch_is_refused(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = ["--out", str(tmp_path / "w.safetensors")]
        assert main([*out, "--supervised", "--pool-images", "4", "--batch-size", "8"]) == 2
        assert "less than one batch of 8" in capsys.readouterr().err

    def test_teacher_losses_fall(self) -> None:
        teacher = torch.Generator().manual_seed(0)
        lift = torch.randn((3, 16), generator=teacher)

        def tokens(pictures: np.ndarray) -> torch.Tensor:
            """A stand-in teacher: mean colours of the image and its patches, lifted to 16."""
            images = torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255.0
            cells = torch.nn.functional.adaptive_avg_pool2d(images, GRID).flatten(2)
            colours = torch.cat([cells.mean(2, keepdim=True), cells], dim=2).transpose(1, 2)
            return (colours @ lift).half()

        config = PretrainConfig(
            num_classes=5, pool_images=32, steps=30, batch_size=16, components=3,
            augment=AugmentConfig(least_area=1.0, free_rotation=0.0, colour=0.0, grey=0.0),
        )  # fmt: skip
        pool = make_pool(SourceWorld(5), config.seed, config.pool_images, tokens, components=3)
        history: list[float] = []
        train(pool, config, lambda _, losses, __: history.append(losses.patch_tokens.item()))
        assert np.mean(history[-5:]) < 0.7 * np.mean(history[:5])

    def test_teacher_tokens_are_kept_between_runs(self, tmp_path: Path) -> None:
        calls = []

        def tokens(pictures: np.ndarray) -> torch.Tensor:
            calls.append(len(pictures))
            generator = torch.Generator().manual_seed(0)
            return torch.randn((len(pictures), 37, 8), generator=generator).half()

        pools = [make_pool(SourceWorld(5), 1, 12, tokens, 4, cache=tmp_path) for _ in range(2)]
        assert calls == [12]
        assert pools[0].patch_targets is not None
        assert pools[1].patch_targets is not None
        assert pools[0].patch_targets.shape == (12, 4, GRID, GRID)
        assert torch.equal(pools[0].patch_targets, pools[1].patch_targets)


def test_the_network_maps_images_to_its_class_token() -> None:
    """The feature is the class token after the final norm."""
    network = build_network().eval()
    images = source_images(2)
    with torch.inference_mode():
        tokens = network.forward_features(images)
        torch.testing.assert_close(network(images), tokens[:, 0])
    assert tokens.shape == (2, 37, network_module.ARCHITECTURE["embed_dim"])
