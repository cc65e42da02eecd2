"""What a trained cell should warn its reader of: it did not learn, or less than a probe knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rsbench.record import EpochLog, Metrics, Record

#: Accuracy counts as near chance where it covers less of the way from chance to perfect.
NEAR_CHANCE = 0.1
#: With very many classes that is a respectable accuracy: it must be below so many times chance too.
TIMES_CHANCE = 5.0
#: The loss hardly falls where the last epoch's mean is above this share of the first one's.
#: Of 140 trainings of two real networks those above collapsed; the slowest healthy one had 0.82.
HARDLY_FALLS = 0.87

#: From here on, accuracy is so high that the loss need not fall: class means knew already.
KNOWN = 0.8
#: What usually helps a row that is below a fitted head.
BELOW = "another learning rate or more epochs usually help"

_CURE = "a lower learning rate, warm-up (recipe.warm_up) or recipe.gradient_clip usually helps"
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
    first, last = (epochs[0].loss, epochs[-1].loss) if epochs else (1.0, 0.0)
    found = []
    if learnt < NEAR_CHANCE and metrics.mean_class < TIMES_CHANCE * chance:
        found.append(
            f"mean accuracy {100 * metrics.mean_class:.1f} % is near chance ({100 * chance:.1f} %)"
        )
    if last > first:
        found.append(f"the loss rose: first epoch {first:.3g}, last {last:.3g}")
    if found:
        cure = _CURE if epochs else "check the labels and whether the backbone suits the images"
        return (f"{', and '.join(found)}: {cure}",)
    if last > HARDLY_FALLS * first and len(epochs) > 1 and learnt < KNOWN:
        return (f"the loss fell by {100 * (1 - last / first):.0f} % only: {_SLOW}",)
    return ()


class Place(NamedTuple):
    """Within which accuracies are compared: the same test images and network.

    Attributes:
        target: its name.
        backbone: its name.
        evaluated_on: "test" or "validation".
        axes: values of the further axes.
    """

    target: str
    backbone: str
    evaluated_on: str
    axes: Mapping[str, str]

    @classmethod
    def of(cls, record: Record) -> Place:
        """The place of a cell."""
        cell = record.cell
        return cls(cell.target.name, cell.backbone.name, cell.recipe.evaluate_on, cell.axes)

    def covers(self, other: Place) -> bool:
        """Whether a fitted head here is the floor of what is trained there."""
        return self[:3] == other[:3] and self.axes.items() <= other.axes.items()


class Floors:
    """The accuracy of fitted methods: what a trained one must beat to have adapted anything.

    A fitted cell has no epochs.

    Args:
        records: cells; those that failed are passed over.
    """

    def __init__(self, records: Iterable[Record | None] = ()) -> None:
        self._fitted: list[Record] = []
        self._trained: list[Record] = []
        for record in records:
            if record is not None:
                self.add(record)

    def add(self, record: Record) -> list[Record]:
        """Take a cell; return the trained cells that are only now known to lie below a floor."""
        if record.metrics is None:
            return []
        if record.epochs:
            self._trained.append(record)
            return [record] if self.above(record) else []
        self._fitted.append(record)
        return [each for each in self._trained if _is_above(record, each)]

    def above(self, record: Record) -> Record | None:
        """The best fitted cell that a trained one should have beaten and did not."""
        over = [each for each in self._fitted if _is_above(each, record)]
        return max(over, key=_mean, default=None)


def below(floor: Record) -> str:
    """What is to be said of a trained cell below this fitted one."""
    return (
        f"below {floor.cell.method.name} on the frozen features ({100 * _mean(floor):.1f} %): "
        f"{BELOW}"
    )


def _is_above(fitted: Record, trained: Record) -> bool:
    return (
        bool(trained.epochs)
        and Place.of(fitted).covers(Place.of(trained))
        and _mean(fitted) > _mean(trained)
    )


def _mean(record: Record) -> float:
    return 0.0 if record.metrics is None else record.metrics.mean_class
