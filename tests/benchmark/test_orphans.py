"""Worker processes die with a parent that is killed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil


def test_render_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    """Killed while rendering, the demo world once left two idle processes behind."""
    command = [sys.executable, "-P", "-m", "rsbench_datasets.demo_world", "--workers", "2"]
    parent = subprocess.Popen(
        [*command, "--out", str(tmp_path / "world")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    children: list[psutil.Process] = []
    try:
        deadline = time.monotonic() + 60
        # two workers and the resource tracker of multiprocessing
        while len(children) < 3:
            assert parent.poll() is None, "rendered before its workers were seen"
            assert time.monotonic() < deadline, "no workers were started"
            time.sleep(0.1)
            children = psutil.Process(parent.pid).children(recursive=True)
    finally:
        parent.kill()
        parent.wait()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
