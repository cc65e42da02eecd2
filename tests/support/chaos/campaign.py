"""A sweep in processes of its own that are killed, filled up and cut off, until it is whole."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from safetensors.numpy import load_file
from world import write_world

from rsbench.record import read_record

#: Seconds within which a sweep of the little world has done everything.
_LONGEST = 120.0
_PROGRAM = "import sys; from rsbench.cli import main; sys.exit(main())"
CELLS = 6
KINDS = ("kill", "kill parent", "kill worker", "interrupt", "full", "power")


class Campaign:
    """One world, a calm run of it, and a disturbed one.

    Args:
        folder: an empty folder.
        seed: of what is done and when.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.matrix = write_world(folder)
        self.seconds = 0.0

    def calm(self) -> Path:
        """An undisturbed run, with data and caches of its own."""
        started = time.monotonic()
        assert self._start("calm").wait(_LONGEST) == 0
        self.seconds = time.monotonic() - started
        return self.folder / "calm"

    def disturb(self, kind: str) -> str:
        """Start the disturbed run, do ``kind`` to it, and say how it ended."""
        settings = {"CHAOS_FULL": str(self.random.randrange(5, 50))} if kind == "full" else {}
        before = self._finished()
        process = self._start("disturbed", **settings)
        cells, pause = self.random.randrange(CELLS), self.random.uniform(0.0, 1.0)
        if kind != "full":
            self._wait(process, min(before + cells, CELLS), pause)
            if process.poll() is None:
                self._strike(kind, process)
        code = process.wait(_LONGEST)
        self._no_orphans()
        if kind == "power":
            self._cut_power()
        return f"{kind}: {before} cells before, {self._finished()} after; exit code {code}"

    def _finished(self) -> int:
        return len(list((self.folder / "disturbed").glob("cells/[!.]*/record.json")))

    def _wait(self, process: subprocess.Popen[bytes], cells: int, pause: float) -> None:
        """Until so many cells are finished, and so many seconds longer; at most to the end."""
        end = time.monotonic() + _LONGEST
        while process.poll() is None and self._finished() < cells:
            assert time.monotonic() < end, self.output("disturbed")
            time.sleep(0.02)
        with suppress(subprocess.TimeoutExpired):
            process.wait(pause)

    def finish(self) -> Path:
        """Let the disturbed run end undisturbed."""
        process = self._start("disturbed")
        assert process.wait(_LONGEST) == 0, self.output("disturbed")
        self._no_orphans()
        return self.folder / "disturbed"

    def output(self, name: str) -> str:
        """What the runs of this name have printed."""
        return (self.folder / f"{name}.txt").read_text()

    def left_over(self) -> list[Path]:
        """Temporary files and folders of the disturbed run."""
        tops = [self.folder / each for each in ("disturbed", "disturbed-cache", "disturbed-data")]
        return [
            path
            for top in tops
            for pattern in ("**/*.part", "**/.*.lock", "**/.tmp-*")
            for path in top.glob(pattern)
            if path.name != ".lock"
        ]

    def _start(self, name: str, **settings: str) -> subprocess.Popen[bytes]:
        here = os.fspath(Path(__file__).parent)
        places = {
            f"RSBENCH_{kind.upper()}": os.fspath(self.folder / f"{name}-{kind}")
            for kind in ("data", "cache")
        }
        path = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])
        roots = os.pathsep.join([*places.values(), os.fspath(self.folder / name)])
        with (self.folder / f"{name}.txt").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, "run", "--matrix", os.fspath(self.matrix),
                 "--workers", "2", "--out", os.fspath(self.folder / name)],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **places, "PYTHONPATH": path, "CHAOS_ROOTS": roots,
                     "CHAOS_SYNCED": os.fspath(self.folder / f"{name}-synced.txt"),
                     "RSBENCH_FIGURES": "0", **settings},
            )  # fmt: skip

    def _strike(self, kind: str, process: subprocess.Popen[bytes]) -> None:
        if kind in ("kill", "power"):
            os.killpg(process.pid, signal.SIGKILL)
        elif kind == "kill worker":
            children = psutil.Process(process.pid).children(recursive=True)
            if children:
                self.random.choice(children).kill()
        else:
            process.send_signal(signal.SIGKILL if kind == "kill parent" else signal.SIGINT)

    def _no_orphans(self) -> None:
        """Every process of the run is gone, in seconds."""
        end = time.monotonic() + 20.0
        while True:
            mine = [each for each in psutil.process_iter() if self._is_mine(each)]
            if not mine:
                return
            assert time.monotonic() < end, f"still there: {mine}"
            time.sleep(0.1)

    def _is_mine(self, process: psutil.Process) -> bool:
        try:
            settings = process.environ()
        except psutil.Error:
            return False
        return os.fspath(self.folder / "disturbed") in settings.get("CHAOS_ROOTS", "").split(":")

    def _cut_power(self) -> None:
        """Empty every file that the disk was not asked to keep as it is now."""
        kept = set((self.folder / "disturbed-synced.txt").read_text().splitlines())
        for top in ("disturbed", "disturbed-cache", "disturbed-data"):
            for file in (self.folder / top).rglob("*"):
                if not file.is_file() or file.is_symlink():
                    continue
                stat = file.stat()
                if f"{stat.st_ino} {stat.st_size} {stat.st_mtime_ns}" not in kept:
                    os.truncate(file, 0)


def contents(run: Path) -> dict[str, Any]:
    """Everything of a run that must not depend on what happened to it, by cell and kind."""
    found: dict[str, Any] = {}
    for cell in sorted(run.glob("cells/*")):
        record = read_record(cell / "record.json")
        name = record.cell.label
        found[name] = (record.status, record.metrics, record.epochs)
        found[f"{name} predictions"] = (cell / "predictions.parquet").read_bytes()
        weights = load_file(cell / "adapter.safetensors")
        found[f"{name} weights"] = {key: each.tobytes() for key, each in weights.items()}
        with np.load(cell / "features.npz", allow_pickle=False) as arrays:
            found[f"{name} features"] = {key: arrays[key].tobytes() for key in arrays.files}
        gammas = cell / "gamma.csv"
        found[f"{name} gammas"] = gammas.read_bytes() if gammas.exists() else b""
    with (run / "tables" / "main.csv").open(newline="") as stream:
        rows = [{k: v for k, v in each.items() if k != "train_seconds"} for each in
                csv.DictReader(stream)]  # fmt: skip
    return found | {"table": rows}
