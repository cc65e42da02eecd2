"""Kills, a full disk and power cuts at random: in the end the run is as an undisturbed one.

``make chaos`` goes on for ten minutes (``CHAOS_SECONDS``), with another seed every time.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

sys.path.append(os.fspath(Path(__file__).parents[1] / "support" / "chaos"))
from campaign import CELLS, KINDS, Campaign, contents

SECONDS = float(os.environ.get("CHAOS_SECONDS", "0"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))


def test_a_disturbed_run_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path, SEED)
    calm = contents(campaign.calm())
    assert len([name for name in calm if name.endswith(" weights")]) == CELLS
    for kind in ("kill", "full", "power"):
        campaign.disturb(kind)
    assert contents(campaign.finish()) == calm
    assert campaign.left_over() == []


@pytest.mark.skipif(not SECONDS, reason="'make chaos' sets CHAOS_SECONDS")
def test_the_long_campaign(tmp_path: Path) -> None:
    started = time.monotonic()
    campaign = Campaign(tmp_path, SEED)
    calm = contents(campaign.calm())
    done: list[str] = []
    while time.monotonic() - started < SECONDS - 4 * campaign.seconds:
        for _ in range(campaign.random.randint(1, 3)):
            done.append(campaign.disturb(campaign.random.choice(KINDS)))
            sys.stderr.write(f"{done[-1]}\n")
        assert contents(campaign.finish()) == calm, done
        assert campaign.left_over() == [], done
        (tmp_path / "disturbed").rename(tmp_path / f"disturbed-{len(done)}")
