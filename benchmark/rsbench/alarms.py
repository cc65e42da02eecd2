"""What a trained cell should warn its reader of: it did not learn, or less than a probe knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rsbench.record import EpochLog, Metrics, Record

#: Accuracy counts as near chance where it covers less of the way from chance to perfect.
NEAR_CHANCE = 0.1
#: With very many classes that is a respectable accuracy: it must be below so many times chance too.
TIMES_CHANCE = 5.0
#: The loss hardly falls where the last epoch's mean is above this share of the first one's.
#: Of 140 trainings of two real networks those above collapsed; the slowest healthy one had 0.82.
HARDLY_FALLS = 0.87

_CURE = (
    "a lower learning rate, warm-up (recipe.warm_up), recipe.gradient_clip or a smaller scale "
    "(alpha) usually helps"
)
_SLOW = "a higher learning rate or more epochs usually help; a lower rate where accuracy collapsed"


def alarms(epochs: tuple[EpochLog, ...], metrics: Metrics) -> tuple[str, ...]:
    """Sentences on a cell that did not learn: what was seen, a colon, and what usually helps.

    Args:
        epochs: its log; empty where the method was fitted.
        metrics: of its test.
    """
    tested = sum(each is not None for each in metrics.per_class)
    chance = 1.0 / max(tested, 1)
    learnt = (metrics.mean_class - chance) / (1.0 - chance) if tested > 1 else 1.0
    found = []
    if learnt < NEAR_CHANCE and metrics.mean_class < TIMES_CHANCE * chance:
        cure = _CURE if epochs else "check the labels and whether the backbone suits the images"
        found.append(
            f"mean accuracy {100 * metrics.mean_class:.1f} % is near chance "
            f"({100 * chance:.1f} %): {cure}"
        )
    first, last = (epochs[0].loss, epochs[-1].loss) if epochs else (1.0, 0.0)
    if last > first:
        found.append(f"the loss rose from {first:.3g} to {last:.3g}: {_CURE}")
    elif last > HARDLY_FALLS * first and len(epochs) > 1 and learnt < 1.0 - NEAR_CHANCE:
        found.append(f"the loss fell by {100 * (1 - last / first):.0f} % only: {_SLOW}")
    return tuple(found)


class Floors:
    """The accuracy of fitted methods: what a trained one must beat to have adapted anything.

    A fitted cell has no epochs. It is the floor of the cells of its target and backbone that are
    scored on the same images and share its place on the axes.

    Args:
        records: finished cells; those that were trained are passed over.
    """

    def __init__(self, records: Iterable[Record | None] = ()) -> None:
        self._fitted: dict[str, Record] = {}
        for record in records:
            if record is not None:
                self.add(record)

    def add(self, record: Record) -> None:
        """Take a finished cell as a floor, if it was fitted."""
        if record.metrics is not None and not record.epochs:
            self._fitted[record.id] = record

    def above(self, record: Record, axes: Mapping[str, str] | None = None) -> Record | None:
        """The best fitted cell that a trained one should have beaten and did not.

        Args:
            record: a finished cell.
            axes: its place on the axes, where it is not the record's own.
        """
        if record.metrics is None or not record.epochs:
            return None
        place = (record.cell.axes if axes is None else axes).items()
        over = [
            each
            for each in self._fitted.values()
            if _judged_alike(each, record)
            and each.cell.axes.items() <= place
            and each.metrics is not None
            and each.metrics.mean_class > record.metrics.mean_class
        ]
        return max(
            over, key=lambda each: each.metrics.mean_class if each.metrics else 0.0, default=None
        )


def _judged_alike(one: Record, other: Record) -> bool:
    facts = [
        (each.cell.target.name, each.cell.backbone.name, each.cell.recipe.evaluate_on)
        for each in (one, other)
    ]
    return facts[0] == facts[1]
