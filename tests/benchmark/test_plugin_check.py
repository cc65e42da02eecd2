"""``plugin check`` on targets: good ones pass, and each defect is caught by the check for it."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from plugin_sources import TARGET, broken

from rsbench.cli import main
from rsbench.errors import SettingsError, UnknownNameError
from rsbench.plugin_files import use_files
from rsbench.plugin_kit import Finding, check_target, failures
from rsbench.plugin_kit.chosen import parse_settings

Check = Callable[..., dict[str, Finding]]


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RSBENCH_PLUGINS", "")


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Writes a plugin file and checks the target in it; findings by the name of the check."""

    def run(*changes: tuple[str, str], limit: int | None = 2000) -> dict[str, Finding]:
        file = tmp_path / "noise.py"
        file.write_text(broken(*changes))
        use_files([file])
        findings = check_target("bright_noise", limit=limit)
        found = {each.check: each for each in findings}
        assert len(found) == len(findings)
        return found

    return run


def failed(found: dict[str, Finding]) -> set[str]:
    return {each.check for each in failures(found.values())}


def warned(found: dict[str, Finding]) -> set[str]:
    return {name for name, each in found.items() if each.verdict == "warning"}


def test_a_good_target_passes_every_check(check: Check) -> None:
    found = check()
    assert {each.verdict for name, each in found.items() if name != "known counts"} == {"pass"}
    assert found["known counts"].verdict == "skipped"
    assert found["counts"].reason == "4 classes; 45 train, 16 test samples"
    assert found["leakage"].reason.startswith("no pixels in common between all 45 train and all 16")


def test_the_number_of_images_is_bounded_and_stated(check: Check) -> None:
    found = check(limit=5)
    assert not failed(found)
    assert found["images decode"].reason == "5 of 45 train and 5 of 16 test images"
    assert found["leakage"].reason.endswith("--all compares every one")


DRAW = """rng = np.random.default_rng([self.seed, split == "train", index])"""
PICTURE = "return np.clip(pixels, 0, 255).astype(np.uint8)"


def test_leakage(check: Check) -> None:
    found = check((DRAW, "rng = np.random.default_rng([self.seed, index])"))
    assert failed(found) == {"leakage"}
    reason = found["leakage"].reason
    # train and test agree in their first four labels, all of class 0
    assert reason.startswith("4 of all 16 test images have the pixels of a train image")
    assert "test/0 = train/0" in reason


def test_pictures_of_one_colour_are_no_leak(check: Check) -> None:
    found = check((PICTURE, "return np.full((8, 8, 3), 20 + index % 2 * (index < 3), np.uint8)"))
    assert failed(found) == {"constant images"}
    assert found["constant images"].reason == "every image is of one colour"


def test_copies_in_train(check: Check) -> None:
    # sizes repeat after three samples, so after nine the picture is the same, noise and all
    again = (DRAW, "rng = np.random.default_rng(index % 9 + 99 * (split == 'test') * (1 + index))")
    found = check(again)
    assert not failed(found)
    assert warned(found) == {"copies in train"}
    assert "copies among all 45 train images: train/0 = train/9" in found["copies in train"].reason


def test_copies_with_several_labels(check: Check) -> None:
    again = (DRAW, "rng = np.random.default_rng(index % 9 + 99 * (split == 'test') * (1 + index))")
    found = check(again, ("label = int(self.samples(split).labels[index])", "label = 0"))
    assert found["copies in train"].reason.startswith("36 copies among all 45 train images")
    assert found["copies in train"].reason.endswith("9 pictures carry several labels")


class TestLabels:
    def test_those_that_the_constructor_refuses(self, check: Check) -> None:
        found = check(("astype(np.int64)", "astype(np.int64) + 1"))
        assert failed(found) == {"opens"}
        assert "3 train labels lie outside the class list" in found["opens"].reason
        assert "labels must be 0 to 3" in found["opens"].reason

    def test_those_that_it_never_sees(self, check: Check) -> None:
        late = "target.test.labels[2] = 9\n        target.seed = options.seed"
        found = check(("target.seed = options.seed", late))
        assert "labels" in failed(found)
        assert found["labels"].reason == (
            "test: 1 labels outside 0 to 3, the first is 9 of 'test/2'"
        )

    def test_no_whole_numbers(self, check: Check) -> None:
        found = check(("astype(np.int64)", "astype(np.float32)"))
        assert failed(found) & {"opens", "labels"}


class TestClasses:
    def test_without_a_training_sample(self, check: Check) -> None:
        found = check(("(24, 12, 6, 3)", "(24, 12, 6, 0)"))
        assert failed(found) == {"opens"}
        assert "classes without a training sample: rock" in found["opens"].reason

    def test_without_a_training_sample_behind_the_constructors_back(self, check: Check) -> None:
        late = 'target.class_names += ("sand",)\n        target.seed = options.seed'
        found = check(("target.seed = options.seed", late))
        assert {"classes in train", "groups"} <= failed(found)
        assert found["classes in train"].reason == "without a training sample: sand"

    def test_without_a_test_sample(self, check: Check) -> None:
        found = check(("(4, 4, 4, 4)", "(4, 4, 0, 4)"))
        assert not failed(found)
        assert warned(found) == {"classes in test"}
        assert found["classes in test"].reason.endswith("water")

    def test_groups_against_the_counts(self, check: Check) -> None:
        found = check(
            ("by_thirds(COUNTS", "by_thirds(COUNTS"),
            (
                'by_thirds(COUNTS["train"])',
                ("__import__('rsbench.groups').groups.ClassGroups((3,), (1, 2), (0,))"),
            ),
        )
        assert not failed(found)
        assert found["groups"].reason == (
            "a head class has 3 training samples, and a medium class 12; "
            "a medium class has 6 training samples, and a tail class 24"
        )

    def test_no_tail(self, check: Check) -> None:
        found = check(("(24, 12, 6, 3)", "(9, 9, 9, 9)"))
        assert "all but balanced" in found["groups"].reason
        assert warned(found) == {"groups"}

    @pytest.mark.parametrize(
        ("known", "verdict", "words"),
        [
            ("test={'meadow': 4, 'forest': 4, 'water': 4, 'rock': 4}", "pass", "by hand"),
            ("totals={'train': 45, 'test': 16}", "pass", "by hand"),
            ("totals={'train': 46}", "fail", "train: 45 samples in place of 46"),
            (
                "train={'meadow': 24, 'sand': 3}",
                "fail",
                "train forest: 12 in place of 0 (+12)",
            ),
        ],
    )
    def test_known_counts(self, check: Check, known: str, verdict: str, words: str) -> None:
        method = (
            "    @classmethod\n    def known_counts(cls, options):\n"
            "        from rsbench.target import KnownCounts\n"
            f"        return KnownCounts('by hand', {known})\n\n    def read(self"
        )
        finding = check(("    def read(self", method))["known counts"]
        assert finding.verdict == verdict
        assert words in finding.reason


class TestValues:
    def test_floats_cast_to_0_and_1(self, check: Check) -> None:
        found = check((PICTURE, "return (np.clip(pixels, 0, 255) / 255 + 0.5).astype(np.uint8)"))
        assert "values" in failed(found)
        assert "floats in [0, 1] cast to whole numbers?" in found["values"].reason

    def test_floats(self, check: Check) -> None:
        found = check((PICTURE, "return np.clip(pixels, 0, 255) / 255"))
        assert "pixel type" in failed(found)
        assert "45 train images are float64 in place of uint8" in found["pixel type"].reason
        assert "multiply by 255 before the cast" in found["pixel type"].reason

    def test_digital_numbers_above_the_full_scale(self, check: Check) -> None:
        found = check(
            (PICTURE, "return np.clip(pixels * 40, 0, 9999).astype(np.uint16)"),
            (
                "            content_hash=",
                "            imagery=__import__('rsbench.imagery').imagery.Imagery("
                "pixels='uint16'),\n            content_hash=",
            ),
        )
        assert failed(found) == {"values"}
        assert "above its full scale of 255" in found["values"].reason

    def test_bands_that_predict_would_not_read(self, check: Check) -> None:
        bands = "imagery=__import__('rsbench.imagery').imagery.Imagery(('nir', 'red', 'green')),"
        found = check(
            ("            content_hash=", f"            {bands}\n            content_hash=")
        )
        assert warned(found) == {"files to predict"}
        assert found["files to predict"].reason == (
            "file_reader gives red, green, blue with a full scale of 255, and read nir, red, green "
            "with a full scale of 255"
        )

    def test_very_dark_pictures(self, check: Check) -> None:
        found = check((PICTURE, "return np.clip(pixels / 30, 0, 255).astype(np.uint8)"))
        assert warned(found) >= {"values"}
        assert "very dark" in found["values"].reason

    def test_one_dead_band(self, check: Check) -> None:
        found = check(("rng.normal(50", "np.array([1, 1, 0]) * rng.normal(50"))
        assert warned(found) == {"constant images"}
        assert found["constant images"].reason == "bands with one value everywhere: blue"

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("pixels[..., 0].astype(np.uint8)", "2 dimensions"),
            ("pixels[..., :2].astype(np.uint8)", "2 channels"),
            ("pixels[:0].astype(np.uint8)", "an empty image"),
        ],
    )
    def test_shapes(self, check: Check, code: str, words: str) -> None:
        found = check((PICTURE, f"return {code}"))
        assert "image shapes" in failed(found)
        assert f"45 train images have {words} in place of (height, width, 3)" in (
            found["image shapes"].reason
        )

    def test_no_arrays_at_all(self, check: Check) -> None:
        found = check((PICTURE, "return pixels.tolist()"))
        assert "45 train images are list in place of uint8" in found["pixel type"].reason


class TestDeterminism:
    def test_random_pixels(self, check: Check) -> None:
        found = check((DRAW, "rng = np.random.default_rng()"))
        assert {"reads twice alike", "opens twice alike", "in a second process", "pickles"} == (
            failed(found)
        )
        assert found["reads twice alike"].reason.startswith("40 of 40 images have other pixels: ")

    def test_an_order_that_comes_from_a_set(self, check: Check) -> None:
        shuffled = "tuple({f'{split}/{number}' for number in range(len(labels))})"
        found = check(('tuple(f"{split}/{number}" for number in range(len(labels)))', shuffled))
        assert failed(found) == {"in a second process"}
        assert found["in a second process"].reason == "other sample ids or their order"

    def test_a_split_drawn_anew_whenever_it_is_opened(self, check: Check) -> None:
        drawn = "np.random.default_rng().permutation(np.repeat(np.arange(4), COUNTS[split]))"
        found = check(
            ("np.repeat(np.arange(4), COUNTS[split]).astype(np.int64)", f"{drawn}.astype(np.int64)")
        )
        assert {"opens twice alike", "in a second process"} <= failed(found)
        assert found["opens twice alike"].reason.startswith("other labels")

    def test_what_is_not_checked_of_the_content_hash_is_said(self, check: Check) -> None:
        reason = check()["content hash"].reason
        assert "changes with the images' bytes is not checked" in reason

    def test_a_content_hash_from_the_clock(self, check: Check) -> None:
        found = check(('f"noise 1 {options.seed}"', "str(__import__('time').time_ns())"))
        assert failed(found) == {"opens twice alike", "in a second process"}
        assert found["opens twice alike"].reason == "other content hash"

    @pytest.mark.parametrize("text", ["'todo'", "'0' * 64", "''"])
    def test_no_content_hash(self, check: Check, text: str) -> None:
        digest = 'hashlib.sha256(f"noise 1 {options.seed}".encode()).hexdigest()'
        assert failed(check((digest, text))) == {"content hash"}

    def test_read_many_disagrees_with_read(self, check: Check) -> None:
        method = (
            "    def read_many(self, split, indices):\n"
            "        for index in indices:\n            yield self.read(split, 0)\n\n"
            "    def read(self"
        )
        found = check(("    def read(self", method))
        assert "reads twice alike" in failed(found)

    @pytest.mark.parametrize(("code", "words"), [("[:-1]", "fewer"), ("+ [0]", "more")])
    def test_read_many_of_the_wrong_length(self, check: Check, code: str, words: str) -> None:
        method = (
            "    def read_many(self, split, indices):\n"
            f"        return iter([self.read(split, i) for i in indices{code}])\n\n"
            "    def read(self"
        )
        if words == "more":
            method = method.replace("indices+", "list(indices) +")
        found = check(("    def read(self", method))
        assert f"train: read_many yields {words} images" in found["images decode"].reason


class TestOtherProcesses:
    def test_what_cannot_be_pickled(self, check: Check) -> None:
        found = check(("target.seed = options.seed", "target.seed = 0; target.f = lambda: 0"))
        assert {"pickles", "in a second process"} == failed(found)
        assert "it cannot be pickled" in found["pickles"].reason

    def test_what_is_lost_on_the_way(self, check: Check) -> None:
        method = (
            "    def __getstate__(self):\n"
            "        return {k: v for k, v in vars(self).items() if k != 'seed'}\n\n"
            "    def read(self"
        )
        found = check(("    def read(self", method))
        assert failed(found) == {"pickles"}

    def test_heavy_imports(self, check: Check) -> None:
        found = check(("import hashlib", "import hashlib\nimport pandas"))
        assert warned(found) == {"light import"}
        assert found["light import"].reason.startswith("its module imports pandas")

    def test_a_process_that_dies(self, check: Check) -> None:
        dies = (
            "import multiprocessing, os\n"
            "        if multiprocessing.parent_process() is not None:\n            os._exit(7)\n"
            "        target = cls(\n"
        )
        found = check(("target = cls(\n", dies))
        assert failed(found) == {"pickles", "in a second process"}
        assert "the second process died with exit code 7" in found["pickles"].reason


class TestUnreadable:
    FAIL = (
        "from rsbench.errors import ImageError\n"
        "        if index in (1, 3):\n"
        "            raise ImageError('it is cut off', where='a.png')\n"
        "        label = int("
    )

    def test_images_are_counted_and_named(self, check: Check) -> None:
        found = check(("label = int(", self.FAIL))
        assert failed(found) == {"images decode"}
        reason = found["images decode"].reason
        assert "2 of all 45 train images do not decode: train/1, train/3" in reason
        assert "2 of all 16 test images do not decode: test/1, test/3" in reason
        assert "a.png: it is cut off" in reason

    def test_skipping_them_was_asked_for(self, check: Check) -> None:
        found = check(
            ("label = int(", self.FAIL),
            (
                "            content_hash=",
                "            on_bad_image='skip',\n            content_hash=",
            ),
        )
        assert not failed(found)
        assert warned(found) == {"images decode"}

    def test_an_error_of_another_type(self, check: Check) -> None:
        found = check(
            (
                "label = int(",
                self.FAIL.replace("raise ImageError", "raise OSError").replace(
                    ", where='a.png'", ""
                ),
            )
        )
        assert "images decode" in failed(found)
        assert "OSError: it is cut off after 'train/0'" in found["images decode"].reason

    def test_nothing_can_be_read(self, check: Check) -> None:
        found = check(("label = int(", self.FAIL.replace("index in (1, 3)", "True")))
        assert found["images decode"].verdict == "fail"
        assert found["pixels"].verdict == "skipped"


def test_open_raises_something(check: Check) -> None:
    found = check(("target.seed = options.seed", "raise KeyError('rock')"))
    assert found == {"opens": Finding("opens", "fail", "KeyError: 'rock'")}


def test_wrong_options_and_names(check: Check) -> None:
    check()
    with pytest.raises(SettingsError, match="no option 'sead'"):
        check_target("bright_noise", {"sead": 1})
    with pytest.raises(UnknownNameError, match="bright_nose"):
        check_target("bright_nose")


@pytest.fixture
def listed(tmp_path: Path, make_image: Callable[..., Path]) -> Path:
    """A labelled list of generated images."""
    rows = [("split", "path", "label", "class")]
    for split, counts in (("train", (8, 4, 2)), ("test", (2, 2, 2))):
        for label, count in enumerate(counts):
            for number in range(count):
                name = f"{split}_{label}_{number}.png"
                make_image(tmp_path / name, seed=len(rows))
                rows.append((split, name, str(label), f"class {label}"))
    with (tmp_path / "split.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return tmp_path / "split.csv"


class TestCommand:
    def test_options_by_set(self, listed: Path, capsys: pytest.CaptureFixture[str]) -> None:
        code = main(["plugin", "check", "labelled_list", "--set", f"file={listed}"])
        out = capsys.readouterr().out
        assert code == 0, out
        lines = out.splitlines()
        assert lines[0] == "target labelled_list"
        assert not [line for line in lines if line.startswith(("fail", "warning"))], out
        assert lines[-1] == "22 checks: 21 pass, 1 skipped"

    def test_options_from_a_matrix(self, listed: Path, capsys: pytest.CaptureFixture[str]) -> None:
        matrix = listed.with_name("matrix.yaml")
        matrix.write_text(
            "name: a\ntargets: [{name: plots, kind: labelled_list, file: split.csv}]\n"
            "backbones: [demo_vit]\nmethods: [linear]\nseeds: [0, 1]\n"
        )
        extra = ["--set", "groups={rule: lists, head: [class 2], tail: [class 1, class 0]}"]
        assert main(["plugin", "check", "plots", "--matrix", str(matrix), *extra]) == 0
        out = capsys.readouterr().out
        assert out.splitlines()[0] == "target plots (labelled_list)"
        assert "a head class has 2 training samples, and a tail class 8" in out
        assert main(["plugin", "check", "plot", "--matrix", str(matrix)]) == 2
        shown = capsys.readouterr().err
        assert "did you mean 'plots'? There are: plots, linear, demo_vit." in shown
        assert main(["data", "describe", "plot", "--matrix", str(matrix)]) == 2
        shown = capsys.readouterr().err
        assert "no target in the matrix is called 'plot'" in shown
        assert "did you mean 'plots'? There are: plots." in shown
        assert main(["data", "describe", "demo_vit", "--matrix", str(matrix)]) == 2
        assert "there are: plots\n" in capsys.readouterr().err

    def test_a_failure_makes_exit_code_1(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "noise.py"
        file.write_text(broken((DRAW, "rng = np.random.default_rng([self.seed, index])")))
        assert main(["plugin", "check", "bright_noise", "--plugin", str(file), "--all"]) == 1
        out = capsys.readouterr().out
        assert "\nfail     leakage " in out
        assert out.splitlines()[-1] == "22 checks: 20 pass, 1 fail, 1 skipped"

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["labelled_list"], "give them with --set KEY=VALUE or --matrix FILE"),
            (["bright_nose"], "there is no plugin called 'bright_nose'"),
            (["metapeft"], "is a training strategy"),
            (["labelled_list", "--set", "file"], "this is not KEY=VALUE"),
            (["labelled_list", "--set", "file=[a"], "the value is no YAML"),
        ],
    )
    def test_mistakes_make_exit_code_2(
        self, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["plugin", "check", *arguments]) == 2
        assert words in capsys.readouterr().err


def test_settings_are_yaml_and_nest() -> None:
    texts = ["file=a=b.csv", "groups.rule=thirds", "groups.few=3", "classes=[a, b]", "root="]
    assert parse_settings(texts) == {
        "file": "a=b.csv",
        "groups": {"rule": "thirds", "few": 3},
        "classes": ["a", "b"],
        "root": None,
    }


def test_the_kit_and_its_help_are_light(capsys: pytest.CaptureFixture[str]) -> None:
    heavy = "[name for name in ('torch', 'pandas') if name in sys.modules]"
    code = f"import sys, rsbench.plugin_kit; print({heavy})"
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert main(["plugin", "check", "--help"]) == 0
    assert "--set" in capsys.readouterr().out


def test_a_target_that_is_not_prepared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "check", "dota"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("fail     opens ")
    assert "rsbench data prepare dota" in lines[1]
    assert lines[2] == "1 check: 1 fail"


def test_the_source_of_these_tests_is_whole() -> None:
    assert broken() == TARGET
