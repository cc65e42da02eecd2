"""The conformance kit for backbones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rsbench import registry
from rsbench.folders import Folders
from rsbench.plugin_kit.findings import Finding, finding, raised, some
from rsbench.plugin_kit.target import validated
from rsbench.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from rsbench.backbone import Backbone
    from rsbench.insertion import Site

_TOLERANCE = 1e-4  # batches of other sizes round differently


def check_backbone(
    kind: str | type[Backbone],
    options: Mapping[str, Any] | Settings | None = None,
    folders: Folders | None = None,
    *,
    name: str = "",
) -> list[Finding]:
    """Open and build a backbone twice, and look at its features and sites (torch is loaded).

    Args:
        kind: registered name, or the class itself.
        options: as in a matrix, or validated.
        folders: where weights lie, and where relative paths start.
        name: label to open it under; by default its kind.

    Returns:
        One finding for each check; it ends with the first that the others depend on.

    Raises:
        UnknownNameError: no plugin registers the name.
        SettingsError: an option is wrong.
    """
    found = registry.backbone_class(kind) if isinstance(kind, str) else kind
    label = name or (kind if isinstance(kind, str) else kind.__name__)
    checked = validated(found, label, options)
    steps: list[tuple[str, Callable[[], list[Finding]]]] = []
    try:
        backbone = found.open(label, checked, folders or Folders())
        findings = [Finding("opens", "pass", found.__name__), _info(backbone)]
    # foreign code may raise anything; that it does is the finding
    except Exception as error:
        return [Finding("opens", "fail", raised(error))]
    try:
        network, again = backbone.build(), backbone.build()
        findings.append(Finding("builds", "pass", _size(network)))
    except Exception as error:  # as above
        return [*findings, Finding("builds", "fail", raised(error))]
    steps = [
        ("frozen", lambda: [_frozen(network)]),
        ("features", lambda: _features(backbone, network, again)),
        ("sites", lambda: [_sites(backbone, network)]),
    ]
    for check, step in steps:
        try:
            findings += step()
        except Exception as error:  # as above
            findings.append(Finding(check, "fail", raised(error)))
    return findings


def _info(backbone: Backbone) -> Finding:
    info, problems = backbone.info, []
    if info.image_size < 1:
        problems.append(f"image_size is {info.image_size}")
    if not info.weights_hash:
        problems.append("weights_hash is empty: make a SHA-256 of the weights")
    normalisation, channels = info.normalisation, len(info.bands.bands)
    if normalisation.statistics == "fixed":
        for field in ("mean", "std"):
            values = getattr(normalisation, field)
            if len(values) != channels:
                problems.append(f"{field} has {len(values)} values for {channels} bands")
        if min(normalisation.std, default=1.0) <= 0:
            problems.append("std must be above 0")
    fine = f"{info.image_size} px, bands {', '.join(info.bands.bands)}"
    return finding("facts", problems, fine)


def _size(network: nn.Module) -> str:
    return f"{sum(p.numel() for p in network.parameters()):,} parameters"


def _frozen(network: nn.Module) -> Finding:
    problems = []
    if any(module.training for module in network.modules()):
        problems.append("it is in training mode: call eval()")
    moving = [name for name, p in network.named_parameters() if p.requires_grad]
    if moving:
        problems.append(f"parameters take gradients: {some(moving)}; call requires_grad_(False)")
    others = {f"{p.dtype} on {p.device}" for p in network.parameters()}
    if others - {"torch.float32 on cpu"}:
        problems.append(f"parameters are {some(sorted(others))} in place of float32 on the CPU")
    return finding("frozen", problems, "no parameter takes gradients; evaluation mode")


def _features(backbone: Backbone, network: nn.Module, again: nn.Module) -> list[Finding]:
    import torch

    images = random_images(backbone)
    with torch.no_grad():
        batch = backbone.features(network, images)
        same = backbone.features(network, images)
        single = torch.cat([backbone.features(network, image[None]) for image in images])
        rebuilt = backbone.features(again, images)
    if batch.ndim != 2 or len(batch) != len(images):
        what = f"shape {tuple(batch.shape)} for {len(images)} images in place of (images, width)"
        return [Finding("features", "fail", what)]
    problems = [] if bool(torch.isfinite(batch).all()) else ["some are not finite"]
    if bool((batch[0] == batch[1]).all()):
        problems.append("two different images have the same features")
    findings = [finding("features", problems, f"{batch.shape[1]} wide, finite")]
    problems = [] if torch.equal(batch, same) else ["the same images twice give other features"]
    if not torch.equal(batch, rebuilt):
        problems.append("built twice, the features differ: are the weights loaded?")
    if not torch.allclose(batch, single, rtol=_TOLERANCE, atol=_TOLERANCE):
        problems.append("an image's features depend on the rest of its batch")
    return [*findings, finding("deterministic", problems, "the same twice, and built twice")]


def random_images(backbone: Backbone, number: int = 3) -> Tensor:
    """Images like normalised ones, shape (number, channels, image_size, image_size)."""
    import torch

    generator = torch.Generator().manual_seed(0)
    side, channels = backbone.info.image_size, len(backbone.info.bands.bands)
    return torch.randn(number, channels, side, side, generator=generator)


def _sites(backbone: Backbone, network: nn.Module) -> Finding:
    sites = backbone.sites(network)
    if not sites:
        free = ", ".join(registry.methods_without_modules())
        what = f"none: only methods that insert nothing can use this backbone ({free})"
        return Finding("sites", "warning", what)
    modules = dict(network.named_modules())
    problems = [
        f"{site.key}: the network has no module {name!r}"
        for site in sites
        for name in (site.layer, site.source)
        if name and name not in modules
    ]
    keys = Counter((site.kind, site.key) for site in sites)
    twice = [key for (_, key), n in keys.items() if n > 1]
    if twice:
        problems.append(f"listed twice: {some(twice)}")
    problems += _misfits(sites, modules)
    kinds = Counter(site.kind for site in sites)
    depth = 1 + max(site.block for site in sites)
    fine = f"{depth} blocks; " + ", ".join(f"{n} {kind}" for kind, n in kinds.items())
    return finding("sites", problems, fine)


def _misfits(sites: Sequence[Site], modules: Mapping[str, nn.Module]) -> list[str]:
    """Linear sites whose widths are not those of their layer."""
    from torch import nn

    problems = []
    for site in sites:
        layer = modules.get(site.layer)
        if site.kind != "linear" or not isinstance(layer, nn.Linear):
            continue
        if site.input_dim != layer.in_features:
            problems.append(f"{site.key}: input_dim {site.input_dim}, {layer.in_features} in fact")
        if site.output_start + site.output_dim > layer.out_features:
            problems.append(
                f"{site.key}: channels up to {site.output_start + site.output_dim} of "
                f"{layer.out_features}"
            )
    return problems
