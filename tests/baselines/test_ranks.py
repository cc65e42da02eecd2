"""A rank that no layer is wide enough for is refused before anything is made of it."""

from __future__ import annotations

import pytest
from tiny import WIDTH, TinyBackbone, attach

from rsbench.errors import SettingsError


@pytest.mark.parametrize("method", ["lora", "lora_qv", "adapter", "adaptformer"])
def test_against_the_width_of_the_layers(method: str) -> None:
    backbone = TinyBackbone()
    network = backbone.build()
    attach(method, network, backbone, rank=WIDTH).detach()
    for rank in (WIDTH + 1, 10**9):
        with pytest.raises(SettingsError, match=f"rank {rank:,} is larger") as caught:
            attach(method, network, backbone, rank=rank)
        assert f"at most {WIDTH}" in caught.value.remedy
    attach(method, network, backbone, rank="rule").detach()
