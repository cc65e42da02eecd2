"""Whether MetaPEFT's options fit the method that is attached."""

from __future__ import annotations

from collections.abc import Collection

from rsbench.errors import SettingsError
from rsbench.insertion import Attachment, Site
from rsbench_metapeft.config import MetaPEFTOptions

#: Kind and position of the modules that the released code has modulators for (2.3, row 3).
RELEASED_SITES = {("linear", "q"), ("linear", "v"), ("branch", "ffn")}


def check_fits(options: MetaPEFTOptions, attachment: Attachment) -> None:
    """Refuse what cannot be trained.

    Args:
        options: of MetaPEFT.
        attachment: the method, attached.

    Raises:
        SettingsError: nothing to modulate; given gammas that are not those of the method's
            modules; a method that released mode does not have.
    """
    if not attachment.sites:
        raise SettingsError(
            "MetaPEFT needs a method that inserts modules: there is nothing to modulate",
            remedy="use it with lora, adapter, adaptformer, bitfit or VPT, which do",
        )
    if options.gamma == "given":
        _check_given(options.gammas.keys(), attachment.sites.keys())
    if options.mode == "released":
        _check_released(list(attachment.sites.values()))


def _check_given(given: Collection[str], modules: Collection[str]) -> None:
    missing = [key for key in modules if key not in given]
    unknown = [key for key in given if key not in modules]
    if not missing and not unknown:
        return
    problems = [
        f"{what} {_listed(keys)}"
        for what, keys in (("no value for", missing), ("no module", unknown))
        if keys
    ]
    raise SettingsError(
        f"the given gammas do not fit the method's modules: {'; '.join(problems)}",
        remedy="give exactly one value per inserted module (0 switches one off); the gammas of a "
        "cell fit a method with the same positions and blocks on a backbone of the same depth",
    )


def _listed(keys: list[str]) -> str:
    """The first keys, and how many more there are."""
    shown = ", ".join(keys[:12])
    return shown if len(keys) <= 12 else f"{shown} and {len(keys) - 12} more"


def _check_released(sites: list[Site]) -> None:
    unsupported = [site for site in sites if (site.kind, site.position) not in RELEASED_SITES]
    if not unsupported:
        return
    found = ", ".join(dict.fromkeys(f"{site.position} ({site.kind})" for site in unsupported))
    raise SettingsError(
        f"mode: released has no modulator for these sites of the method: {found}",
        remedy="released mode supports lora at q and v (lora_qv), and adapter or adaptformer at "
        "ffn; use mode: paper for the others",
    )
