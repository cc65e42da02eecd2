"""Where a cell ran: versions, device, commit. None of it is part of a cell's identity."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import rsbench
from rsbench.record import Environment

PACKAGES = (
    *("torch", "torchvision", "timm", "lightning", "torchgeo", "rasterio", "numpy", "pandas"),
    "scikit-learn",
)


def describe_environment(device: torch.device, precision: str, threads: int) -> Environment:
    """The environment of the running process."""
    commit, dirty = git_state()
    return Environment(
        rsbench=rsbench.__version__,
        python=platform.python_version(),
        packages={name: _version(name) for name in PACKAGES},
        platform=platform.platform(),
        device=_device_name(device),
        precision=precision,
        threads=threads,
        git_commit=commit,
        git_dirty=dirty,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )


@cache
def git_state() -> tuple[str | None, bool | None]:
    """Commit of the checkout rsbench runs from and whether it has changes; None outside one."""
    folder = Path(__file__).parent
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None, None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return commit, None if changes is None else bool(changes)


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None  # no git, or no checkout: installed from a wheel
    return done.stdout.strip()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu ({platform.machine()})"
