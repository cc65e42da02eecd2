"""Training samples per class, the most frequent first, coloured by group."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from rsbench.groups import GROUP_NAMES

if TYPE_CHECKING:
    from rsbench.target import Target

#: Okabe and Ito's palette: told apart in grey and by the colour-blind.
_COLOURS = {"head": "#0072B2", "medium": "#E69F00", "tail": "#CC79A7"}
_MOST_NAMES = 40


def class_histogram(target: Target) -> bytes:
    """PNG: one bar a class on a logarithmic axis, with names where there is room for them."""
    import matplotlib as mpl

    from rsbench.report.figures.letters import with_letters

    # names of users may hold dollars: no formulas
    with mpl.rc_context({"font.family": ["DejaVu Sans"], "text.parse_math": False}):
        png, _ = with_letters(lambda: _drawn(target))
    return png


def _drawn(target: Target) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter

    counts = target.train.counts(target.number_of_classes)
    order = np.argsort(-counts, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    width = min(16.0, max(5.0, 0.3 * len(order) + 1.5))
    figure = Figure(figsize=(width, 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name in GROUP_NAMES:
        classes = np.array(target.groups.of(name), dtype=np.int64)
        if classes.size:
            label = f"{name} ({classes.size} {'class' if classes.size == 1 else 'classes'})"
            axes.bar(place[classes], counts[classes], width=0.8, color=_COLOURS[name], label=label)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(LogFormatter())
    axes.set_ylim(bottom=0.8)  # every chart from about one sample: heights compare
    axes.set_ylabel("training samples")
    axes.set_title(f"{target.name}: {len(target.train):,} training samples")
    if len(order) <= _MOST_NAMES:
        names = [target.class_names[label] for label in order]
        axes.set_xticks(range(len(order)), names, rotation=60, ha="right", fontsize=8)
    else:
        axes.set_xlabel("classes, the most frequent first")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=150, metadata={"Software": None})
    return stream.getvalue()
