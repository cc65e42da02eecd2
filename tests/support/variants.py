"""The 14 variants of the specification (section 9.5), for tests that run over all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass(frozen=True)
class Variant:
    """A method with or without MetaPEFT, with options for the tiny ViT."""

    method: str
    metapeft: bool
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.method + ("+metapeft" if self.metapeft else "")


_PEFT: dict[str, dict[str, Any]] = {
    "vpt_shallow": {"prompts": 3},
    "vpt_deep": {"prompts": 3},
    "bitfit": {},
    "lora": {"rank": 2},
    "adapter": {"rank": 2},
    "adaptformer": {"rank": 2},
}
PLAIN = [Variant("linear", False), Variant("full", False)]
PLAIN += [Variant(method, False, options) for method, options in _PEFT.items()]
MODULATED = [Variant(method, True, options) for method, options in _PEFT.items()]
ALL = [*PLAIN, *MODULATED]
assert len(ALL) == 14


def over(variants: list[Variant]) -> Any:
    """Parametrise a test over variants."""
    return pytest.mark.parametrize("variant", variants, ids=lambda variant: variant.name)
