"""The conformance kit for methods: the contract that every method of rsbench keeps, in small."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rsbench import registry
from rsbench.folders import Folders
from rsbench.method import AttachContext, FittedMethod
from rsbench.plugin_kit.backbone import random_images
from rsbench.plugin_kit.findings import Finding, finding, raised, some
from rsbench.plugin_kit.target import validated
from rsbench.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor, nn

    from rsbench.backbone import Backbone
    from rsbench.insertion import Attachment
    from rsbench.method import Method

BACKBONE = "demo_vit"
"""The registered backbone that methods are tried on by default."""
_CLASSES = 4
_TOLERANCE = 1e-5


def check_method(
    kind: str | type[Method],
    options: Mapping[str, Any] | Settings | None = None,
    folders: Folders | None = None,
    *,
    name: str = "",
    backbone: Backbone | None = None,
) -> list[Finding]:
    """Attach a method to a backbone, train one step, and detach it (torch is loaded).

    Args:
        kind: registered name, or the class itself.
        options: as in a matrix, or validated.
        folders: where the backbone's weights lie.
        name: label for messages; by default its kind.
        backbone: what to attach it to; by default the demo backbone.

    Returns:
        One finding for each check; where the method does not attach, the only one.

    Raises:
        UnknownNameError: no plugin registers the name, or there is no demo backbone.
        SettingsError: an option is wrong.
    """
    found = registry.method_class(kind) if isinstance(kind, str) else kind
    label = name or (kind if isinstance(kind, str) else kind.__name__)
    checked = validated(found, label, options)
    used = backbone or _demo_backbone(folders or Folders())
    try:
        trial = _attach(found, checked, used)
    # foreign code may raise anything; that it does is the finding
    except Exception as error:
        return [Finding("attaches", "fail", raised(error))]
    findings = [Finding("attaches", "pass", _counts(trial.attachment))]
    steps: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("modules", lambda: _modules(found, trial)),
        ("start", lambda: _start(trial)),
        ("repeats", lambda: _repeats(found, checked, used, trial)),
        ("gamma", lambda: _gamma(found, checked, used)),
        (
            ("fitting", lambda: _fitting(found, checked, trial))
            if issubclass(found, FittedMethod)
            else ("training", lambda: _training(trial))
        ),
        ("detach", lambda: _detach(trial)),
    )
    for check, step in steps:
        try:
            findings.append(step())
        except Exception as error:  # as above
            findings.append(Finding(check, "fail", raised(error)))
    return findings


@dataclass(frozen=True)
class _Trial:
    """A method attached to a network, and what the network was before.

    Attributes:
        backbone: where the network is from.
        network: with the method attached.
        attachment: the method's handle.
        images: random ones, shape (images, channels, side, side).
        bare: features of these images without the method, shape (images, width).
        weights: the network's state before.
    """

    backbone: Backbone
    network: nn.Module
    attachment: Attachment
    images: Tensor
    bare: Tensor
    weights: dict[str, Tensor]

    def features(self) -> Tensor:
        """Features with the method attached."""
        return self.backbone.features(self.network, self.images)


def _demo_backbone(folders: Folders) -> Backbone:
    found = registry.backbone_class(BACKBONE)
    return found.open(BACKBONE, found.Options(), folders)


def _attach(kind: type[Method], options: Settings, backbone: Backbone) -> _Trial:
    import torch

    network = backbone.build()
    images = random_images(backbone)
    with torch.no_grad():
        bare = backbone.features(network, images)
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    sites = backbone.sites(network)
    depth = 1 + max((site.block for site in sites), default=0)
    context = AttachContext(_CLASSES, depth, torch.Generator().manual_seed(0))
    attachment = kind(options).attach(network, sites, context)
    return _Trial(backbone, network, attachment, images, bare, weights)


def _counts(attachment: Attachment) -> str:
    inserted = sum(p.numel() for p in attachment.inserted.parameters())
    own = sum(p.numel() for p in attachment.trained)
    text = f"{len(attachment.inserted)} modules with {inserted:,} parameters"
    return f"{text}; {own:,} of the network's own" if own else text


def _modules(kind: type[Method], trial: _Trial) -> Finding:
    modules = [module for _, module in trial.attachment.modules()]  # raises on other types
    problems = []
    if kind.modulates and not modules:
        problems.append("nothing is inserted: set modulates = False")
    parameters = trial.attachment.parameters()
    if len({id(each) for each in parameters}) < len(parameters):
        problems.append("a parameter is declared twice")
    idle = [n for n, p in trial.attachment.inserted.named_parameters() if not p.requires_grad]
    if idle:
        problems.append(f"inserted parameters take no gradient: {some(idle)}")
    own = {id(each) for each in trial.attachment.trained}
    loose = [n for n, p in trial.network.named_parameters() if p.requires_grad and id(p) not in own]
    if loose:
        problems.append(f"the network's own take gradients, undeclared: {some(loose)}")
    text = "MetaPEFT can scale them" if kind.modulates else "nothing for MetaPEFT to scale"
    return finding("modules", problems, text)


def _start(trial: _Trial) -> Finding:
    import torch

    with torch.no_grad():
        distance = float((trial.features() - trial.bare).abs().max())
    problems = []
    if distance > _TOLERANCE:
        problems.append(
            f"features change by up to {distance:.3g} before any training: right for prompts, "
            "not for additions, which start at zero"
        )
    return finding("start", problems, "the frozen backbone's features", "warning")


def _repeats(kind: type[Method], options: Settings, used: Backbone, trial: _Trial) -> Finding:
    import torch

    one, other = trial.attachment.inserted, _attach(kind, options, used).attachment.inserted
    states = one.state_dict(), other.state_dict()
    same = states[0].keys() == states[1].keys() and all(
        torch.equal(tensor, states[1][name]) for name, tensor in states[0].items()
    )
    problems = (
        [] if same else ["the same generator gives other values: draw from context.generator"]
    )
    return finding("repeats", problems, "the same initial values from the same generator")


def _gamma(kind: type[Method], options: Settings, used: Backbone) -> Finding:
    """Whether gamma 1 is the plain method, and gamma 0 the backbone."""
    import torch

    if not kind.modulates:
        return Finding("gamma", "skipped", "the method has nothing to modulate")
    trial = _attach(kind, options, used)
    _randomise(trial.attachment)
    with torch.no_grad():
        plain = trial.features()
        with_gamma = {value: _with_gamma(trial, value) for value in (1.0, 0.0)}
    problems = []
    scale = _TOLERANCE * max(1.0, float(plain.abs().max()))
    if float((plain - trial.bare).abs().max()) <= scale:
        problems.append("random weights in its modules leave the features as they are")
    if float((with_gamma[1.0] - plain).abs().max()) > scale:
        problems.append("gamma = 1 is not the plain method")
    if float((with_gamma[0.0] - trial.bare).abs().max()) > scale:
        problems.append("gamma = 0 does not silence the modules: use factor() in forward")
    return finding("gamma", problems, "1 is the plain method, 0 the frozen backbone")


def _randomise(attachment: Attachment) -> None:
    """Move every inserted parameter at random, off whatever zero it started at."""
    import torch

    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in attachment.inserted.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)


def _with_gamma(trial: _Trial, value: float) -> Tensor:
    import torch

    gamma = torch.tensor(value)
    for _, module in trial.attachment.modules():
        module.gamma = lambda: gamma
    return trial.features()


def _training(trial: _Trial) -> Finding:
    """Whether gradients reach all that is declared, and a step moves nothing else."""
    import torch

    parameters = trial.attachment.parameters()
    if not parameters:
        return Finding("training", "skipped", "only the head is trained")
    _randomise(trial.attachment)  # where one factor is zero, the other takes no gradient
    wanted = torch.randn(trial.bare.shape, generator=torch.Generator().manual_seed(2))
    with torch.enable_grad():
        torch.autograd.backward((trial.features() - wanted).square().mean())
    unreached = _unreached(trial.attachment)
    problems = [f"no gradient reaches {some(unreached)}"] if unreached else []
    torch.optim.SGD(parameters, lr=0.01).step()
    own = {id(each) for each in trial.attachment.trained}
    moved = [
        name
        for name, parameter in trial.network.named_parameters()
        if id(parameter) not in own
        and (parameter.grad is not None or not torch.equal(parameter, trial.weights[name]))
    ]
    if moved:
        problems.append(f"frozen weights take part: {some(moved)}")
    return finding("training", problems, "gradients reach what is declared, and nothing else")


def _fitting(kind: type[FittedMethod], options: Settings, trial: _Trial) -> Finding:
    """Whether the fitted head is one that a cell can use, and the same again."""
    import numpy as np
    import torch

    from rsbench.head import LinearClassifier

    width, labels = trial.bare.shape[1], np.arange(60) % _CLASSES
    features = np.random.default_rng(3).standard_normal((60, width)).astype(np.float32)
    features += 2.0 * features[labels]  # each class around its own place
    head, again = (
        kind(options).fit(features, labels, np.zeros(_CLASSES), lambda text: None) for _ in range(2)
    )
    if not isinstance(head, LinearClassifier):
        what = f"{type(head).__name__} in place of a LinearClassifier"
        return Finding("fitting", "fail", what)
    with torch.no_grad():
        logits, repeated = (each(torch.from_numpy(features)) for each in (head, again))
    problems = []
    if logits.shape != (len(labels), _CLASSES):
        problems.append(f"logits of shape {tuple(logits.shape)} for 60 images of 4 classes")
    elif not bool(torch.isfinite(logits).all()):
        problems.append("some logits are not finite")
    if not torch.equal(logits, repeated):
        problems.append("fitted twice to the same features, the head differs")
    return finding("fitting", problems, "a linear head, the same twice")


def _unreached(attachment: Attachment) -> list[str]:
    """Modules without any gradient, and parameters that have none in any module.

    One parameter in one module may have none by chance: a ReLU there may be shut for all images.
    """
    modules: dict[str, bool] = {}
    parameters: dict[str, bool] = {}
    for name, parameter in attachment.inserted.named_parameters():
        module, _, own_name = name.partition(".")
        reached = parameter.grad is not None and bool(parameter.grad.any())
        modules[module] = modules.get(module, False) or reached
        parameters[own_name] = parameters.get(own_name, False) or reached
    return [name for name, reached in {**modules, **parameters}.items() if not reached]


def _detach(trial: _Trial) -> Finding:
    import torch

    trial.attachment.detach()
    problems = []
    state = trial.network.state_dict()
    if state.keys() != trial.weights.keys():
        problems.append("the network has other tensors than before")
    elif not all(torch.equal(tensor, trial.weights[name]) for name, tensor in state.items()):
        problems.append("the network's weights are others than before")
    with torch.no_grad():
        if not torch.equal(trial.features(), trial.bare):
            problems.append("its features are others than before")
    if any(p.requires_grad for p in trial.network.parameters()):
        problems.append("its parameters still take gradients")
    return finding("detach", problems, "the backbone is bit for bit as it was")
