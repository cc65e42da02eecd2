"""How long a report of many cells takes, and how much memory: ``python tests/speed/report.py``.

A benchmark, not a test: it writes invented cells with all their files into a temporary folder
(some minutes and 1 GB for 10,000), rebuilds the report in a process of its own, and prints seconds
and peak memory, its helpers included. Six rows in eight have MetaPEFT partners; every cell has a
place on an axis; the cells of a target share the features of the frozen backbone.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from records import make_run, scored_record, write_features, write_predictions

from rsbench.plan import CellRun
from rsbench.record import EpochLog
from rsbench.store import ListedCell, RunFolder, RunIndex

CLASSES, IMAGES, WIDTH, BLOCKS = 15, 1000, 64, 6
POSITIONS = ("q", "k", "v", "out", "mlp1", "mlp2")
METHODS = [(name, tuned) for name in ("lora", "adapter", "bitfit") for tuned in (False, True)]
METHODS += [("linear", False), ("full", False)]
TRANSFERS, SEEDS = 10, 5


def main() -> None:
    """Write the cells, time the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    wanted = parser.parse_args().cells
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder(Path(place) / "run")
        cells = write_cells(folder, wanted)
        print(f"{cells} cells written, {os.cpu_count()} cores")
        program = Path(sys.executable).with_name("rsbench")
        command = [str(program), "report", str(folder.path), "--figures"]
        seconds, memory = run_measured(command)
    print(f"report: {seconds:.1f} s, {memory / 2**30:.2f} GiB at most")


def run_measured(command: list[str]) -> tuple[float, int]:
    """Seconds that a command takes, and the most bytes that it and its processes hold at a time."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    most = 0
    while process.poll() is None:
        most = max(most, _held(process.pid))
        time.sleep(0.2)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.perf_counter() - start, most


def _held(pid: int) -> int:
    """Bytes of a process and its descendants; what they share counts for each."""
    held = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for each in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                held += each.memory_info().rss
    return held


def write_cells(folder: RunFolder, wanted: int) -> int:
    """About so many finished cells; how many there are."""
    random = np.random.default_rng(0)
    rates = max(1, wanted // (TRANSFERS * SEEDS * len(METHODS)))
    labels = np.sort(random.integers(0, CLASSES, IMAGES))
    listed = []
    frozen = _features(random, TRANSFERS)
    grid = list(itertools.product(range(TRANSFERS), range(rates), METHODS))
    for row, (transfer, rate, (method, tuned)) in enumerate(grid):
        for seed in range(SEEDS):
            learning_rate = 0.001 * (rate + 1)
            run = make_run(
                method, seed, tuned, target=f"target{transfer}", learning_rate=learning_rate
            )
            _write_cell(folder, run, labels, frozen[transfer], random)
            axes = {"rate": f"{learning_rate:g}"}
            listed.append(
                ListedCell(id=run.id, label=run.cell.label, row=row, settings=str(row), axes=axes)
            )
    index = RunIndex(
        matrix="many",
        matrix_file="many.yaml",
        rsbench="0",
        created="then",
        updated="now",
        cells=tuple(listed),
        axes={"rate": tuple(f"{0.001 * (rate + 1):g}" for rate in range(rates))},
    )
    matrix = folder.path / "many.yaml"
    matrix.write_text("name: many\n")
    folder.write_index(index, matrix)
    return len(listed)


def _write_cell(
    folder: RunFolder, run: CellRun, labels: Any, frozen: Any, random: np.random.Generator
) -> None:
    tuned = run.cell.metapeft is not None
    hits = random.random(IMAGES) < 0.8 - 0.02 * labels + 0.02 * random.normal()
    predictions = np.where(hits, labels, random.integers(0, CLASSES, IMAGES))
    gammas = {f"block{b}_{p}": float(np.exp(random.normal())) for b, p in _modules()}
    strategy = {"control": "learned", "outer_steps": 20, "gamma": gammas} if tuned else {}
    record = scored_record(
        run,
        labels,
        predictions,
        [3 + int(400 * 0.8**number) for number in range(CLASSES)],
        strategy=strategy,
        epochs=tuple(EpochLog(epoch=n, loss=1 / (n + 1), learning_rate=0.01) for n in range(10)),
    )
    place = folder.cell(run.id)
    place.mkdir(parents=True)
    (place / "record.json").write_text(record.to_json())
    write_predictions(folder, record, labels, predictions)
    write_features(folder, record, frozen, *_features(random, 1), labels)
    if tuned:
        steps = [(n, b, p, 1 + 0.01 * n) for n in range(20) for b, p in _modules()]
        frame = pd.DataFrame(steps, columns=["outer_step", "block", "position", "gamma"])
        frame.insert(0, "inner_step", 5 * frame["outer_step"])
        frame.to_csv(place / "gamma.csv", index=False)


def _features(random: np.random.Generator, number: int) -> Any:
    return random.normal(size=(number, IMAGES, WIDTH)).astype(np.float32)


def _modules() -> list[tuple[int, str]]:
    return list(itertools.product(range(BLOCKS), POSITIONS))


if __name__ == "__main__":
    main()
