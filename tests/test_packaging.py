"""The wheel holds only our own packages and harms no other package called ``datasets``."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OWN = {"rsbench", "rsbench_datasets", "rsbench_baselines", "rsbench_metapeft"}


def pip(*arguments: str, python: Path | None = None) -> None:
    target = [] if python is None else ["--python", str(python)]
    command = [sys.executable, "-m", "pip", *target, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our wheel, built without a network from a copy of the tracked folders."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    for name in ("benchmark", "datasets", "baselines", "metapeft"):
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    out = tmp_path_factory.mktemp("wheel")
    flags = ("--no-deps", "--no-index", "--no-build-isolation")
    pip("wheel", *flags, "--wheel-dir", str(out), str(source))
    (built,) = out.glob("rsbench-*.whl")
    return built


def write_stand_in(folder: Path) -> Path:
    """A wheel of a package called ``datasets``, as another project ships one."""
    path = folder / "datasets-1.0-py3-none-any.whl"
    info = "datasets-1.0.dist-info"
    files = {
        "datasets/__init__.py": "WHOSE = 'another project'\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: datasets\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        lines.append(f"{name},sha256={digest.decode()},{len(text)}")
    lines.append(f"{info}/RECORD,,")
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f"{info}/RECORD", "\n".join(lines) + "\n")
    return path


def whose_datasets(python: Path) -> str:
    code = "import datasets; print(datasets.WHOSE)"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_wheel_holds_only_our_packages(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == OWN
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]


def test_the_wheel_holds_matrices_weights_and_type_markers(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"{package}/py.typed" for package in OWN} <= names
    assert {"rsbench/matrices/smoke.yaml", "rsbench/matrices/demo.yaml"} <= names
    assert {"rsbench/published/data/tables.yaml", "rsbench/published/data/main.csv"} <= names
    assert "rsbench_baselines/demo_backbone/demo_vit.safetensors" in names
    assert "rsbench/plugin_kit/templates/dataset/PACKAGE/target.py.txt" in names
    page = "rsbench/report/page/templates"
    assert {f"{page}/page.html", f"{page}/page.css", f"{page}/frame.js"} <= names


def test_another_datasets_package_survives_install_and_uninstall(
    wheel: Path, tmp_path: Path
) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    flags = ("--no-index", "--no-deps")
    pip("install", *flags, str(write_stand_in(tmp_path)), python=python)
    pip("install", *flags, str(wheel), python=python)
    assert whose_datasets(python) == "another project"
    code = "import rsbench, rsbench_datasets; print(rsbench.__version__)"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == wheel.name.split("-")[1]
    pip("uninstall", "--yes", "rsbench", python=python)
    assert whose_datasets(python) == "another project"
