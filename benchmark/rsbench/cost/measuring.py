"""The rounds: every variant once in each, then the memory of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rsbench.cost.process import Place
from rsbench.cost.results import Effort, Job, PeakMemory
from rsbench.cost.summary import Measured
from rsbench.cost.variants import Variant, round_order
from rsbench.record import Environment, Failure

if TYPE_CHECKING:
    from rsbench.folders import Folders
    from rsbench.sweep.devices import Resources
    from rsbench.target import Progress

#: By name: importing it would load torch, which the children alone do.
_MEASURE = "rsbench.cost.measure"


class Measuring:
    """Runs the rounds, then the measurements of memory.

    Args:
        variants: what is compared.
        effort: how much is measured.
        folders: where data and caches lie.
        resources: device and threads.
        place: runs the trainings.
        progress: called with (done, total) trainings.

    Attributes:
        measured: what is known so far, in the order of the variants.
    """

    def __init__(
        self,
        variants: Sequence[Variant],
        effort: Effort,
        folders: Folders,
        resources: Resources,
        place: Place,
        progress: Progress,
    ) -> None:
        self.effort, self.folders, self.resources = effort, folders, resources
        self.place, self.progress = place, progress
        self.measured = [Measured(each) for each in variants]
        self._done = 0
        self._total = len(self.measured) * (1 + effort.rounds + effort.memory)

    def run(self) -> list[Measured]:
        """Measure everything; a variant that fails in a round is left out from then on."""
        for number in range(1 + self.effort.rounds):
            for index in round_order(len(self.measured), number):
                self._train(self.measured[index], warm_up=number == 0)
        if self.effort.memory:
            for each in self.measured:
                self._measure_memory(each)
        return self.measured

    def environment(self) -> Environment | None:
        """Versions and device of the measuring process; None where it cannot say."""
        found = self._call("describe_place", self.measured[0])
        return found if isinstance(found, Environment) else None

    def _train(self, measured: Measured, warm_up: bool) -> None:
        if measured.failure is None:
            result = self._call("measure_training", measured)
            if isinstance(result, Failure):
                measured.failure = result
            elif not warm_up:
                measured.trainings.append(result)
        self._advance()

    def _measure_memory(self, measured: Measured) -> None:
        if measured.failure is None:
            if self.resources.devices[0] == "cpu":
                self.place.renew()  # see measure_memory
            result = self._call("measure_memory", measured)
            if isinstance(result, Failure):
                lines = result.message.strip().splitlines() or [""]
                result = PeakMemory(None, f"failed: {result.kind}: {lines[0]}", failed=True)
            measured.memory = result
        self._advance()

    def _call(self, function: str, measured: Measured) -> Any:
        job = Job(
            measured.variant.cell,
            self.folders,
            self.resources.devices[0],
            self.resources.threads,
            self.effort.epochs,
            self.effort.images,
        )
        result = self.place.call(f"{_MEASURE}:{function}", job)
        if isinstance(result, Failure):
            self.place.renew()  # what the failure left behind must not reach the others
        return result

    def _advance(self) -> None:
        self._done += 1
        self.progress(self._done, self._total)
