"""``plugin check`` on methods and backbones: ours pass, and broken ones are caught."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from tiny import TinyBackbone
from torch import Tensor, nn

from rsbench.backbone import BackboneInfo, Normalisation
from rsbench.cli import main
from rsbench.head import LinearClassifier
from rsbench.insertion import Attachment, InsertedModule, Site, choose_sites
from rsbench.method import AttachContext, FittedMethod, Method
from rsbench.plugin_kit import Finding, check_backbone, check_method, failures


class Scale(InsertedModule):
    """``y + gamma * w * y`` with w zero at the start."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width))

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        return outputs * (self.weight * self.factor())


class Good(Method):
    """Scales the output channels of two positions."""

    module: type[InsertedModule] = Scale

    def attach(
        self, network: nn.Module, sites: Sequence[Site], context: AttachContext
    ) -> Attachment:
        chosen = choose_sites(sites, "linear", ("q", "mlp2"), "all")
        return Attachment(network, {site: type(self).module(site.output_dim) for site in chosen})


def check(kind: type[Method]) -> dict[str, Finding]:
    return {each.check: each for each in check_method(kind, backbone=TinyBackbone())}


def failed(found: dict[str, Finding]) -> set[str]:
    return {each.check for each in failures(found.values())}


def test_a_good_method_passes() -> None:
    found = check(Good)
    assert {each.verdict for each in found.values()} == {"pass"}
    assert found["attaches"].reason == "4 modules with 64 parameters"


@pytest.mark.parametrize(
    "name",
    [
        "linear",
        "probe",
        "full",
        "bitfit",
        "vpt_shallow",
        "vpt_deep",
        "adapter",
        "adaptformer",
        "lora",
    ],
)
def test_our_methods_pass(name: str) -> None:
    findings = check_method(name, backbone=TinyBackbone())
    assert not failures(findings), "\n".join(map(str, findings))
    warned = {each.check for each in findings if each.verdict == "warning"}
    assert warned == ({"start"} if name.startswith("vpt") else set())


class Means(FittedMethod):
    """Weights are the class means."""

    def fit(self, features: Any, labels: Any, adjustment: Any, note: Any) -> LinearClassifier:
        seen, classes = torch.from_numpy(features), len(adjustment)
        weight = torch.stack([seen[labels == c].mean(dim=0) for c in range(classes)])
        return LinearClassifier(weight, torch.zeros(classes), seen.mean(dim=0), seen.std(dim=0))


class TooFew(Means):
    def fit(self, features: Any, labels: Any, adjustment: Any, note: Any) -> LinearClassifier:
        head = super().fit(features, labels, adjustment, note)
        return LinearClassifier(head.weight[:2], head.bias[:2], head.mean, head.deviation)


class Divides(Means):
    def fit(self, features: Any, labels: Any, adjustment: Any, note: Any) -> LinearClassifier:
        head = super().fit(features, labels, adjustment, note)
        return LinearClassifier(head.weight, head.bias, head.mean, 0 * head.mean)


class Throws(Means):
    def fit(self, features: Any, labels: Any, adjustment: Any, note: Any) -> LinearClassifier:
        head = super().fit(features, labels, adjustment, note)
        bias = torch.randn(len(adjustment))
        return LinearClassifier(head.weight, bias, head.mean, head.deviation)


class Returns(Means):
    def fit(self, features: Any, labels: Any, adjustment: Any, note: Any) -> Any:
        return torch.nn.Linear(features.shape[1], len(adjustment))


def test_a_method_that_is_fitted_passes() -> None:
    found = check(Means)
    assert found["fitting"].verdict == "pass"
    assert not failed(found)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (TooFew, "logits of shape (60, 2)"),
        (Divides, "not finite"),
        (Throws, "the head differs"),
        (Returns, "Linear in place of a LinearClassifier"),
    ],
)
def test_a_broken_fit(kind: type[Method], words: str) -> None:
    with torch.random.fork_rng(devices=[]):
        found = check(kind)
    assert failed(found) == {"fitting"}
    assert words in found["fitting"].reason


class DeafToGamma(Scale):
    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        return outputs * self.weight


class WithoutEffect(Scale):
    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        return outputs * (self.weight * 0.0)


class Detached(Scale):
    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        return outputs * (self.weight.detach() * self.factor())


class Loud(Scale):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        nn.init.ones_(self.weight)


class ByChance(Scale):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        nn.init.normal_(self.weight, std=1e-12)


@pytest.mark.parametrize(
    ("module", "check_name", "words"),
    [
        (DeafToGamma, "gamma", "gamma = 0 does not silence the modules"),
        (WithoutEffect, "gamma", "leave the features as they are"),
        (WithoutEffect, "training", "no gradient reaches block0_q"),
        (Detached, "training", ""),
        (ByChance, "repeats", "draw from context.generator"),
    ],
)
def test_a_broken_module(module: type[InsertedModule], check_name: str, words: str) -> None:
    kind = type("Broken", (Good,), {"module": module})
    with torch.random.fork_rng(devices=[]):
        found = check(kind)
    assert check_name in failed(found)
    assert words in found[check_name].reason


def test_a_start_that_is_not_the_backbone_is_a_warning() -> None:
    found = check(type("Broken", (Good,), {"module": Loud}))
    assert not failed(found)
    assert found["start"].verdict == "warning"


class ThawsTheNetwork(Good):
    def attach(self, network: Any, sites: Any, context: Any) -> Attachment:
        attachment = super().attach(network, sites, context)
        network.requires_grad_(True)
        return attachment


class ChangesWeights(Good):
    def attach(self, network: Any, sites: Any, context: Any) -> Attachment:
        with torch.no_grad():
            network.norm.weight.mul_(2)
        return super().attach(network, sites, context)


class InsertsNothing(Good):
    def attach(self, network: Any, sites: Any, context: Any) -> Attachment:
        return Attachment(network, {})


class Raises(Good):
    def attach(self, network: Any, sites: Any, context: Any) -> Attachment:
        raise KeyError("no such site")


@pytest.mark.parametrize(
    ("kind", "checks", "words"),
    [
        (ThawsTheNetwork, {"modules", "training", "detach"}, "undeclared: cls_token"),
        (ChangesWeights, {"training", "detach", "gamma"}, ""),
        (InsertsNothing, {"modules", "gamma"}, "set modulates = False"),
        (Raises, {"attaches"}, "KeyError: 'no such site'"),
    ],
)
def test_a_broken_method(kind: type[Method], checks: set[str], words: str) -> None:
    found = check(kind)
    assert failed(found) == checks
    assert any(words in each.reason for each in failures(found.values()))


class TestBackbones:
    def test_a_good_one_passes(self) -> None:
        found = check_backbone(TinyBackbone)
        assert {each.verdict for each in found} == {"pass"}
        assert found[-1].reason.startswith("2 blocks; 12 linear, 12 bias")

    @pytest.mark.parametrize(
        ("methods", "check_name", "words"),
        [
            ({"build": lambda self: TinyBackbone.build(self).train()}, "frozen", "training mode"),
            (
                {"build": lambda self: TinyBackbone.build(self).requires_grad_(True)},
                "frozen",
                "take gradients: cls_token",
            ),
            (
                {"build": lambda self: TinyBackbone.build(self).double().float().half()},
                "frozen",
                "torch.float16 on cpu in place of float32",
            ),
            ({"build": lambda self: 1 / 0}, "builds", "ZeroDivisionError"),
            (
                {"features": lambda self, network, images: network.forward_features(images)},
                "features",
                "in place of (images, width)",
            ),
            (
                {"features": lambda self, network, images: network(images) * float("nan")},
                "features",
                "not finite",
            ),
            (
                {"features": lambda self, network, images: network(0 * images)},
                "features",
                "two different images",
            ),
            (
                {"features": lambda self, network, images: network(images) - images.mean()},
                "deterministic",
                "the rest of its batch",
            ),
            (
                {"sites": lambda self, network: (Site(0, "q", "blocks.0.attn.qvk", 16, 16),)},
                "sites",
                "no module 'blocks.0.attn.qvk'",
            ),
            (
                {"sites": lambda self, network: (Site(0, "q", "blocks.0.attn.qkv", 8, 64),)},
                "sites",
                "block0_q: input_dim 8, 16 in fact; block0_q: channels up to 64 of 48",
            ),
            (
                {"sites": lambda self, network: 2 * (Site(0, "q", "blocks.0.attn.qkv", 16, 16),)},
                "sites",
                "listed twice: block0_q",
            ),
        ],
    )
    def test_broken_ones(self, methods: dict[str, Any], check_name: str, words: str) -> None:
        found = {each.check: each for each in check_backbone(type("X", (TinyBackbone,), methods))}
        assert found[check_name].verdict == "fail"
        assert words in found[check_name].reason

    def test_other_weights_at_every_build(self) -> None:
        def build(self: TinyBackbone) -> nn.Module:
            network = TinyBackbone.build(self)
            for parameter in network.parameters():
                nn.init.normal_(parameter, std=0.2)
            return network

        found = {e.check: e for e in check_backbone(type("X", (TinyBackbone,), {"build": build}))}
        assert "are the weights loaded?" in found["deterministic"].reason

    def test_wrong_facts(self) -> None:
        def start(self: TinyBackbone) -> None:
            TinyBackbone.__init__(self)
            short = Normalisation(mean=(0.5,), std=(0.5,) * 3)
            self.info = BackboneInfo(16, short, "", {})

        found = {
            e.check: e for e in check_backbone(type("X", (TinyBackbone,), {"__init__": start}))
        }
        assert found["facts"].reason.startswith("weights_hash is empty")
        assert found["facts"].reason.endswith("mean has 1 values for 3 bands")

    def test_no_sites_are_a_warning(self) -> None:
        kind = type("X", (TinyBackbone,), {"sites": lambda self, network: ()})
        found = {each.check: each for each in check_backbone(kind)}
        assert found["sites"].verdict == "warning"


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "check", "lora", "--set", "rank=2", "--set", "blocks=last:1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "method lora"
    assert lines[1].endswith("6 modules with 4,608 parameters")
    assert lines[-1] == "7 checks: 7 pass"
