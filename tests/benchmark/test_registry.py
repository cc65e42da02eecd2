"""Plugins are found by entry point, loaded lazily, and a wrong name gets a suggestion."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import pytest

from rsbench import registry
from rsbench.errors import RsbenchError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

METHODS = "rsbench.methods"


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Pretends that other distributions register entry points."""
    monkeypatch.setenv("RSBENCH_PLUGINS", "")
    registry.installed.cache_clear()

    def pretend(*points: tuple[str, str]) -> None:
        found = [EntryPoint(name, value, METHODS) for name, value in points]
        monkeypatch.setattr(registry, "entry_points", lambda group: found)

    yield pretend
    registry.installed.cache_clear()


def test_names_are_sorted_and_nothing_is_imported(install: Callable[..., None]) -> None:
    install(("zeta", "no_such_module:Z"), ("alpha", "no_such_module:A"))
    assert registry.names(METHODS) == ["alpha", "zeta"]


def test_near_names_are_suggested(install: Callable[..., None]) -> None:
    install(("lora", "a:A"), ("linear", "a:B"), ("adapter", "a:C"))
    with pytest.raises(UnknownNameError, match="no method called 'lroa'") as caught:
        registry.load(METHODS, "lroa")
    assert caught.value.remedy.startswith("did you mean 'lora'? ")
    with pytest.raises(UnknownNameError) as caught:
        registry.load(METHODS, "xyz")
    assert caught.value.remedy.startswith("known: adapter, linear, lora. ")
    assert "--plugin FILE" in caught.value.remedy


def test_plugin_files_that_are_given_are_not_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RSBENCH_PLUGINS", "mine.py")
    assert registry.unknown_name("method", "lroa", ["lora"]).remedy == "did you mean 'lora'?"


def test_no_plugin_at_all(install: Callable[..., None]) -> None:
    install()
    with pytest.raises(UnknownNameError) as caught:
        registry.load(METHODS, "lora")
    assert caught.value.remedy.startswith("no method is installed. ")


def test_two_plugins_with_one_name(install: Callable[..., None]) -> None:
    install(("lora", "ours:Lora"), ("lora", "theirs:Lora"))
    with pytest.raises(RsbenchError, match="two plugins register the method 'lora'") as caught:
        registry.names(METHODS)
    assert "ours:Lora" in caught.value.what
    assert "theirs:Lora" in caught.value.what


def test_the_same_registration_seen_twice_is_one(install: Callable[..., None]) -> None:
    """Regression: a source tree on the path repeats the entry points that are installed."""
    install(("lora", "ours:Lora"), ("lora", "ours:Lora"))
    assert registry.names(METHODS) == ["lora"]


@pytest.mark.parametrize("value", ["no_such_module:Lora", "json:NoSuchClass"])
def test_a_plugin_that_cannot_be_imported(install: Callable[..., None], value: str) -> None:
    install(("lora", value))
    with pytest.raises(RsbenchError, match=r"the method 'lora' .* cannot be imported") as caught:
        registry.load(METHODS, "lora")
    assert value in caught.value.what
    assert caught.value.remedy


@pytest.mark.parametrize("value", ["json:dumps", "json:JSONDecoder"])
def test_a_plugin_of_the_wrong_type(install: Callable[..., None], value: str) -> None:
    install(("lora", value))
    with pytest.raises(RsbenchError, match="is not a Method class") as caught:
        registry.method_class("lora")
    assert "rsbench.method.Method" in caught.value.remedy


INSTALLED = [(group, name) for group in registry.GROUPS for name in registry.names(group)]


def test_the_plugins_of_this_release_are_registered() -> None:
    assert {
        ("rsbench.datasets", "demo_dota"),
        ("rsbench.datasets", "demo_fusrs"),
        ("rsbench.datasets", "dota"),
        ("rsbench.datasets", "labelled_list"),
        ("rsbench.backbones", "demo_vit"),
        ("rsbench.backbones", "checkpoint"),
        ("rsbench.methods", "linear"),
        ("rsbench.methods", "lora"),
        ("rsbench.strategies", "metapeft"),
    } <= set(INSTALLED)


@pytest.mark.parametrize(("group", "name"), INSTALLED)
def test_every_installed_plugin_is_of_its_kind(group: str, name: str) -> None:
    finders = {
        "rsbench.datasets": registry.target_class,
        "rsbench.backbones": registry.backbone_class,
        "rsbench.methods": registry.method_class,
        "rsbench.strategies": registry.strategy_class,
    }
    plugin = finders[group](name)
    assert plugin.__doc__
    if group != "rsbench.strategies":
        description = getattr(plugin, "description", "")
        assert description, "needs one line for 'rsbench ls'"
        assert "\n" not in description


def test_plugin_modules_leave_torch_alone() -> None:
    code = (
        "import sys\n"
        "from rsbench import registry\n"
        "for group in registry.GROUPS:\n"
        "    for name in registry.names(group):\n"
        "        registry.load(group, name)\n"
        "heavy = ('torch', 'timm', 'torchgeo', 'lightning', 'sklearn')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    run = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
