"""The figures of a report, drawn one after the other or by helpers.

Nothing here loads matplotlib before a figure is drawn in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING

from rsbench.report.figures.rendered import Rendered

if TYPE_CHECKING:
    from rsbench.report.artefacts import Figure
    from rsbench.report.helpers import Helpers, Promise


class Drawing:
    """The figures of a report in the making.

    Args:
        helpers: draw what is announced while this process does something else.
    """

    def __init__(self, helpers: Helpers) -> None:
        self._helpers = helpers
        self._announced: dict[str, Promise[Rendered]] = {}

    def announce(self, figures: Sequence[Figure]) -> None:
        """Say which figures will be asked for."""
        if self._helpers.processes:
            for each in figures:
                self._announced[each.name] = self._helpers.submit(_render, each)

    def finish(self, figures: Sequence[Figure]) -> Mapping[str, Rendered]:
        """The figures by name, drawn when one of them is asked for."""
        self.announce([each for each in figures if each.name not in self._announced])
        return _DrawnWhenAsked(figures, self._draw)

    def _draw(self, figures: Sequence[Figure]) -> dict[str, Rendered]:
        if self._announced:
            # the last one first: that is the one that no helper has begun
            drawn = {each.name: self._announced[each.name].result() for each in reversed(figures)}
            return {each.name: drawn[each.name] for each in figures}
        return _render_all(figures)


class _DrawnWhenAsked(Mapping[str, Rendered]):
    """Figures by name; all are drawn when the first is asked for."""

    def __init__(
        self,
        figures: Sequence[Figure],
        draw: Callable[[Sequence[Figure]], dict[str, Rendered]],
    ) -> None:
        self._figures = figures
        self._draw = draw

    @cached_property
    def _drawn(self) -> dict[str, Rendered]:
        return self._draw(self._figures)

    def __getitem__(self, name: str) -> Rendered:
        return self._drawn[name]

    def __iter__(self) -> Iterator[str]:
        return (each.name for each in self._figures)

    def __len__(self) -> int:
        return len(self._figures)


def _render(figure: Figure) -> Rendered:
    from rsbench.report.figures.render import render

    return render(figure)


def _render_all(figures: Sequence[Figure]) -> dict[str, Rendered]:
    """Draw figures one after the other; each is packed while the next one is drawn."""
    from rsbench.report.figures.render import draw, pack

    with ThreadPoolExecutor(1) as beside:
        waiting: dict[str, Future[Rendered]] = {
            each.name: beside.submit(pack, draw(each)) for each in figures
        }
        return {name: each.result() for name, each in waiting.items()}
