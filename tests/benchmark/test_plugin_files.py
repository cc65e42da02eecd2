"""Plugins in a single file: found, named, pickled into workers, and refused with their line."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from plugin_sources import TARGET

from rsbench import registry
from rsbench.cli import main
from rsbench.errors import RsbenchError, UnknownNameError
from rsbench.folders import Folders
from rsbench.plugin_files import listed_files, load_file, module_name, use_files
from rsbench.plugin_files.classes import snake_case
from rsbench.target import Target

DATASETS = "rsbench.datasets"


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RSBENCH_PLUGINS", "")


def write(folder: Path, text: str = TARGET, name: str = "noise.py") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def target_code(*heads: str) -> str:
    """A file with one complete target class for each ``class X(Target):`` line."""
    body = (
        "    @classmethod\n    def open(cls, name, options, folders): ...\n"
        "    def read(self, split, index): ...\n"
    )
    return "from rsbench.target import Target\n" + "".join(f"{head}\n{body}" for head in heads)


def open_noise() -> Target:
    kind = registry.target_class("bright_noise")
    return kind.open("noise", kind.Options(), Folders())


def test_a_class_of_a_file_is_registered_under_its_name_in_snake_case(tmp_path: Path) -> None:
    before = registry.names(DATASETS)
    use_files([write(tmp_path)])
    assert registry.names(DATASETS) == sorted([*before, "bright_noise"])
    assert open_noise().class_names == ("meadow", "forest", "water", "rock")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Plots", "plots"),
        ("MyPlots", "my_plots"),
        ("EuroSATScenes", "euro_sat_scenes"),
        ("DOTA20", "dota20"),
        ("Sentinel2Chips", "sentinel2_chips"),
    ],
)
def test_snake_case(name: str, expected: str) -> None:
    assert snake_case(name) == expected


def test_plugin_name_helpers_and_bases(tmp_path: Path) -> None:
    heads = (
        "class Base(Target):\n    plugin_name = 'plots-1.0'",
        "class Derived(Base):",  # does not inherit the name
        "class _Helper(Target):",
    )
    use_files([write(tmp_path, target_code(*heads) + "class Half(Target): ...\n")])
    own = set(registry.names(DATASETS)) - set(registry.installed(DATASETS))
    assert own == {"plots-1.0", "derived"}


def test_every_kind_of_plugin(tmp_path: Path) -> None:
    text = (
        "from rsbench.method import Method\nfrom rsbench_baselines.backbones.demo_vit import "
        "DemoViT\nclass Mine(Method):\n    def attach(self, network, sites, context): ...\n"
        "class MyViT(DemoViT): ...\n"
    )
    use_files([write(tmp_path, text)])
    assert registry.method_class("mine").__name__ == "Mine"
    assert registry.backbone_class("my_vi_t").__name__ == "MyViT"
    assert registry.names(DATASETS) == list(registry.installed(DATASETS))


def test_instances_pickle_into_a_spawned_process(tmp_path: Path) -> None:
    use_files([write(tmp_path)])
    target = open_noise()
    expected = [target.read("train", index) for index in range(3)]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.starmap(target.read, [("train", index) for index in range(3)])
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_instance_needs_only_the_variable_to_be_unpickled(tmp_path: Path) -> None:
    import subprocess

    use_files([write(tmp_path)])
    (tmp_path / "target.pickle").write_bytes(pickle.dumps(open_noise()))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).number_of_classes)"
    command = [sys.executable, "-P", "-c", code, str(tmp_path / "target.pickle")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "4", done.stderr
    without = {**os.environ, "RSBENCH_PLUGINS": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=without)
    assert "No module named 'rsbench.plugin_files.noise_" in done.stderr


def test_an_edited_file_has_another_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path)
    use_files([file])
    digest = registry.code_digest(DATASETS, "bright_noise")
    assert digest == hashlib.sha256(file.read_bytes()).hexdigest()
    assert registry.class_digest(type(open_noise())) == digest
    assert registry.code_digest(DATASETS, "labelled_list") == ""
    with pytest.raises(UnknownNameError, match="bright_nois"):
        registry.code_digest(DATASETS, "bright_nois")
    # Same size, same time: a cached .pyc would be the old code under the new digest.
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_text(TARGET.replace("meadow", "meaduw"))
    os.utime(file, ns=times)
    monkeypatch.delitem(sys.modules, module_name(file))  # as a new process would
    assert registry.code_digest(DATASETS, "bright_noise") != digest
    assert open_noise().class_names[0] == "meaduw"
    assert not (tmp_path / "__pycache__").exists()


def test_a_loaded_file_keeps_the_digest_of_the_code_that_runs(tmp_path: Path) -> None:
    file = write(tmp_path)
    use_files([file])
    digest = registry.code_digest(DATASETS, "bright_noise")
    file.write_text(TARGET.replace("meadow", "field"))
    assert open_noise().class_names[0] == "meadow"
    assert registry.code_digest(DATASETS, "bright_noise") == digest


def test_the_digest_follows_a_base_class_of_another_file(tmp_path: Path) -> None:
    base = write(tmp_path)
    text = f"from {module_name(base)} import BrightNoise\nclass Brighter(BrightNoise): ...\n"
    use_files([base, write(tmp_path, text, "brighter.py")])
    digests = {
        registry.code_digest(DATASETS, "bright_noise"),
        registry.code_digest(DATASETS, "brighter"),
        hashlib.sha256((tmp_path / "brighter.py").read_bytes()).hexdigest(),
    }
    assert len(digests) == 3


def test_files_are_added_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = write(tmp_path, name="one.py"), write(tmp_path, name="two.py")
    use_files([one])
    monkeypatch.chdir(tmp_path)
    use_files([Path("two.py"), Path("one.py")])
    assert listed_files() == [one.resolve(), two.resolve()]


def test_two_files_may_have_one_name_in_two_folders(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = write(tmp_path / "other", TARGET.replace("BrightNoise", "DarkNoise"))
    use_files([write(tmp_path), other])
    assert {"bright_noise", "dark_noise"} <= set(registry.names(DATASETS))


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("x = 1\ndef f(:\n", "invalid syntax", 2),
        ("x = 1\n\nimport no_such_module\n", "No module named 'no_such_module'", 3),
        ("def f():\n    return 1 / 0\n\n\nf()\n", "ZeroDivisionError: division by zero", 2),
        ("import json\njson.loads('{')\n", "JSONDecodeError", 2),
    ],
)
def test_a_file_that_cannot_be_loaded(tmp_path: Path, text: str, words: str, line: int) -> None:
    file = write(tmp_path, text, "wrong.py")
    use_files([file])
    with pytest.raises(RsbenchError, match=r"the plugin file wrong\.py cannot be loaded") as caught:
        registry.names(DATASETS)
    assert words in caught.value.what
    assert caught.value.where == f"{file.resolve()}:{line}"
    assert caught.value.remedy


def test_a_file_without_a_plugin(tmp_path: Path) -> None:
    use_files([write(tmp_path, "from rsbench.target import Target\nX = 1\n")])
    with pytest.raises(RsbenchError, match="defines no plugin") as caught:
        registry.names("rsbench.methods")
    assert str(tmp_path) in str(caught.value.where)


def test_an_unfinished_class_is_told_what_it_lacks(tmp_path: Path) -> None:
    text = target_code("class Half(Target):").replace("def read", "def raed")
    use_files([write(tmp_path, text)])
    with pytest.raises(RsbenchError, match="defines no plugin; Half lacks read"):
        registry.names(DATASETS)


def test_names_that_are_taken(tmp_path: Path) -> None:
    file = write(tmp_path, target_code("class Mine(Target):\n    plugin_name = 'labelled_list'"))
    use_files([file])
    with pytest.raises(RsbenchError, match="so has the installed target rsbench_datasets"):
        registry.find(DATASETS)


def test_one_name_in_two_files(tmp_path: Path) -> None:
    files = [write(tmp_path, target_code("class Mine(Target):"), f"{n}.py") for n in "ab"]
    use_files(files)
    with pytest.raises(RsbenchError, match=r"Mine has the name 'mine', and so has .*a\.py"):
        registry.find(DATASETS)


def test_a_name_that_is_none(tmp_path: Path) -> None:
    use_files([write(tmp_path, target_code("class Mine(Target):\n    plugin_name = 'a b'"))])
    with pytest.raises(RsbenchError, match=r"Mine\.plugin_name is 'a b', which is no name"):
        registry.find(DATASETS)


def test_paths_that_cannot_be_plugins(tmp_path: Path) -> None:
    with pytest.raises(RsbenchError, match="no such plugin file"):
        use_files([tmp_path / "absent.py"])
    with pytest.raises(RsbenchError, match=r"ending in \.py"):
        use_files([write(tmp_path, name="plugin.txt")])
    with pytest.raises(RsbenchError, match="must not contain"):
        use_files([write(tmp_path, name=f"a{os.pathsep}b.py")])
    assert listed_files() == []


def test_a_listed_file_that_went_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RSBENCH_PLUGINS", str(tmp_path / "gone.py"))
    with pytest.raises(RsbenchError, match="no such plugin file"):
        registry.names(DATASETS)
    with pytest.raises(RsbenchError, match="no such plugin file"):
        load_file(tmp_path / "gone.py")


def test_ls_shows_the_plugins_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ls", "datasets", "--plugin", str(write(tmp_path))]) == 0
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("bright_noise")]
    assert "noise of four brightnesses" in line


def test_ls_says_where_a_file_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, "import no_such_module\n", "wrong.py")
    assert main(["ls", "datasets", "--plugin", str(file)]) == 2
    error = capsys.readouterr().err
    assert f"{file.resolve()}:1" in error
    assert "Traceback" not in error


@pytest.mark.parametrize("command", ["run", "cost", "ls", "predict", "export", "gammas"])
def test_every_command_that_uses_plugins_takes_files(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    required = {"ls": ["methods"], "predict": ["a/b", "c"], "export": ["a/b", "--to", "peft"]}
    arguments = required.get(command, ["a/b"] if command == "gammas" else [])
    assert main([command, *arguments, "--plugin", "absent.py"]) == 2
    assert "there is no such plugin file" in capsys.readouterr().err
