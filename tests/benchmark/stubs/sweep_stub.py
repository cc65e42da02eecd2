"""A benchmark without training: plugins and a runner that the tests of the sweep steer.

The runner reads its orders from ``<data>/orders.json``, a mapping from labels of cells to one of

* ``fail``: raise an error,
* ``kill``: the worker kills itself with SIGKILL,
* ``exit``: the worker leaves with exit code 3,
* ``wait``: sleep until the process is stopped,
* ``say``: print letters that ASCII lacks.

It appends a line to ``<data>/log.txt`` for each cell it starts. Executed as a program, it runs a
matrix in the way of ``rsbench run``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rsbench import registry
from rsbench.backbone import Backbone, BackboneInfo, Normalisation
from rsbench.errors import NotPreparedError
from rsbench.folders import Folders
from rsbench.groups import ClassGroups
from rsbench.method import Method
from rsbench.plan import CellRun
from rsbench.record import Environment, EpochLog, Metrics, ParameterCounts, Record, Timing
from rsbench.settings import Settings
from rsbench.strategy import Strategy
from rsbench.sweep.task import Report
from rsbench.target import Progress, Split, SplitName, Target

if TYPE_CHECKING:
    from numpy.typing import NDArray

RUNNER = "sweep_stub:run_cell"


class TargetOptions(Settings):
    data: str = "a"


class StubTarget(Target):
    """Three classes of four-pixel images; ready once ``<data>/<options.data>`` exists."""

    Options = TargetOptions

    @classmethod
    def open(cls, name: str, options: Any, folders: Folders) -> StubTarget:
        file = folders.data / options.data
        if not file.exists():
            raise NotPreparedError(f"{name} is not prepared", where=file, remedy="prepare it")
        labels = np.array([0, 0, 1, 2], dtype=np.int64)
        return cls(
            name,
            class_names=("one", "two", "three"),
            groups=ClassGroups((0, 1), (), (2,)),
            train=Split(("a", "b", "c", "d"), labels),
            test=Split(("e", "f", "g", "h"), labels),
            content_hash=f"hash of {file.read_text()}",
        )

    def read(self, split: SplitName, index: int) -> NDArray[np.uint8]:
        return np.arange(0, 240, 5, dtype=np.uint8).reshape(4, 4, 3)


class PreparingTarget(StubTarget):
    prepares_itself = True

    @classmethod
    def prepare(
        cls,
        options: Any,
        folders: Folders,
        *,
        source: Path | None = None,
        split: str | None = None,
        progress: Progress | None = None,
    ) -> Path:
        if progress is not None:
            progress(1, 2)
            progress(2, 2)
        (folders.data / options.data).write_text("made")
        with (folders.data / "prepared.txt").open("a") as file:
            file.write("once\n")
        return folders.data


class StubBackbone(Backbone):
    @classmethod
    def open(cls, name: str, options: Any, folders: Folders) -> StubBackbone:
        info = BackboneInfo(
            image_size=7,
            normalisation=Normalisation(mean=(0.5,) * 3, std=(0.5,) * 3),
            weights_hash="0" * 64,
            architecture={},
        )
        return cls(name, info)

    def build(self) -> Any:
        raise NotImplementedError

    def features(self, network: Any, images: Any) -> Any:
        raise NotImplementedError

    def sites(self, network: Any) -> Any:
        raise NotImplementedError


class MethodOptions(Settings):
    rank: int = 1


class StubMethod(Method):
    Options = MethodOptions

    def attach(self, network: Any, sites: Any, context: Any) -> Any:
        raise NotImplementedError


class StubStrategy(Strategy):
    def begin(self, context: Any) -> Any:
        raise NotImplementedError

    def before_epoch(self, epoch: Any) -> Any:
        raise NotImplementedError

    def after_step(self, step: Any) -> Any:
        raise NotImplementedError

    def finish(self) -> Any:
        raise NotImplementedError


PLUGINS = {
    "rsbench.datasets": {"stub": "StubTarget", "preparing": "PreparingTarget"},
    "rsbench.backbones": {"stub_vit": "StubBackbone"},
    "rsbench.methods": {"linear": "StubMethod", "lora": "StubMethod"},
    "rsbench.strategies": {"metapeft": "StubStrategy"},
}


def find(group: str) -> dict[str, EntryPoint]:
    """Stands in for ``registry.find``."""
    return {
        name: EntryPoint(name, f"sweep_stub:{value}", group)
        for name, value in PLUGINS[group].items()
    }


def run_cell(
    run: CellRun,
    folders: Folders,
    out: Path,
    *,
    device: str,
    threads: int,
    report: Report,
    keep_weights: bool,
) -> Record:
    """Stands in for the training."""
    label = run.cell.label
    report({"phase": "train", "epoch": 1, "epochs": 2, "loss": 1.5, "images_per_second": 10.0})
    (out / "artefact.txt").write_bytes(b"half")
    with (folders.data / "log.txt").open("a") as file:
        file.write(f"{label}\n")
    obey(orders(folders.data).get(label), label)
    (out / "artefact.txt").write_bytes(b"whole")
    return finished_record(run, threads)


def orders(data: Path) -> dict[str, str]:
    file = data / "orders.json"
    return json.loads(file.read_text()) if file.exists() else {}


def obey(order: str | None, label: str) -> None:
    if order == "fail":
        raise ValueError(f"told to fail: {label}")
    if order == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if order == "exit":
        os._exit(3)
    if order == "say":
        print("60 ± 1")
    if order == "wait":
        time.sleep(600)


def finished_record(run: CellRun, threads: int = 1, **changes: Any) -> Record:
    """A record whose numbers follow from the id of the cell."""
    value = int(run.id[:6], 16) / 0xFFFFFF
    metrics = Metrics(
        overall=value,
        mean_class=value / 2,
        head=value / 3,
        medium=None,
        tail=value / 4,
        macro_f1=value,
        worst_class=value,
        harmonic_mean=value,
        geometric_mean=value,
        per_class=(value, value, value),
    )
    environment = Environment(
        rsbench="0",
        python="3",
        packages={},
        platform="stub",
        device="cpu",
        precision="32",
        threads=threads,
        started="2000-01-01T00:00:00+00:00",
    )
    modulators = 6 if run.cell.metapeft else 0
    fields: dict[str, Any] = {
        "id": run.id,
        "status": "finished",
        "cell": run.cell,
        "identity": run.identity,
        "metrics": metrics,
        "parameters": ParameterCounts(method=1000, head=12, modulators=modulators, frozen=9),
        "timing": Timing(
            train_seconds=time.perf_counter() % 10,
            total_seconds=time.perf_counter() % 10,
            train_images_per_second=1.0,
        ),
        "environment": environment,
        "epochs": (EpochLog(epoch=0, loss=1.0, learning_rate=0.1),),
    }
    return Record(**{**fields, **changes})


def main(matrix: str, out: str, data: str, workers: int) -> int:
    """Run a matrix with the stub plugins, as ``rsbench run`` would."""
    from rsbench.sweep.devices import choose_resources
    from rsbench.sweep.session import open_session
    from rsbench.system import interrupt_once

    interrupt_once()
    registry.find = find
    session = open_session(
        matrix, out=Path(out), data=Path(data), cache=Path(data) / "cache", runner=RUNNER
    )
    return session.run(choose_resources(workers, 1, "cpu"))


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:4], int(sys.argv[4])))
