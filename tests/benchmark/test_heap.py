"""Workers keep freed memory: no page faults when blocks are taken again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_FAULTS = """
import resource, sys
from rsbench.sweep.heap import keep_freed_memory
assert sys.argv[1] == "default" or keep_freed_memory()
def block():
    bytearray(20 * 1024**2)
block()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    block()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(mode: str) -> int:
    command = [sys.executable, "-c", _FAULTS, mode]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_blocks_that_were_freed_are_taken_again_without_page_faults() -> None:
    assert faults("kept") < 100
    assert faults("kept") < faults("default") / 10
