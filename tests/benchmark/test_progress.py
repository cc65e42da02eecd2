"""What the user sees: lines for ended cells, the live lines of workers, time left."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from rsbench.alarms import Floors
from rsbench.cell import Cell
from rsbench.record import EpochLog, Failure, Metrics, Record, Timing
from rsbench.settings import PluginChoice
from rsbench.sweep.progress import (
    Activities,
    LiveDisplay,
    PlainDisplay,
    display_for,
    duration,
    ending,
    time_left,
)

LABEL = "aid / vit / lora / seed 0"


def make_record(failure: Failure | None = None) -> Record:
    cell = Cell(
        target=PluginChoice(name="aid", kind="x"),
        backbone=PluginChoice(name="vit", kind="x"),
        method=PluginChoice(name="lora", kind="x"),
    )
    if failure is not None:
        return Record(id="0", status="failed", cell=cell, identity={}, failure=failure)
    metrics = Metrics(
        overall=0.5,
        mean_class=0.61,
        head=0.7,
        medium=None,
        tail=0.532,
        macro_f1=0.5,
        worst_class=0.1,
        harmonic_mean=0.5,
        geometric_mean=0.5,
        per_class=(),
    )
    timing = Timing(train_seconds=60.0, total_seconds=65.0, train_images_per_second=1.0)
    return Record(id="0", status="finished", cell=cell, identity={}, metrics=metrics, timing=timing)


def test_line_of_a_finished_cell_leaves_out_empty_groups() -> None:
    line = f"finished {LABEL} in 1 min 5 s: head 70.0, tail 53.2, mean 61.0"
    assert ending(make_record()) == line


def test_line_of_a_failed_cell_has_the_first_line_of_the_message() -> None:
    failure = Failure(kind="ValueError", message="[red] is no number\nmore", traceback="")
    assert ending(make_record(failure)) == f"FAILED {LABEL}: ValueError: [red] is no number"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(9.4, "9 s"), (59.6, "1 min 0 s"), (125, "2 min 5 s"), (4800, "1 h 20 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_time_left_is_unknown_at_first() -> None:
    assert time_left(3.0, 0.0, 10) == ""
    assert time_left(30.0, 2.5, 10) == "about 1 min 30 s left"


def test_plain_lines_off_a_terminal() -> None:
    stream = io.StringIO()
    display = display_for(Console(file=stream, width=40), 2, Floors())
    assert isinstance(display, PlainDisplay)
    with display:
        display.started(0, LABEL)
        display.working(0, {"phase": "train", "epoch": 1})
        display.ended(0, make_record())
        display.tick()
    assert stream.getvalue() == f"[1/2] {ending(make_record())}\n"


@pytest.mark.parametrize("terminal", [False, True])
def test_warnings_follow_the_line_of_their_cell(terminal: bool) -> None:
    """What the record says, and that a fitted cell of this or an earlier sweep knows more."""
    stream = io.StringIO()
    console = Console(file=stream, width=200, force_terminal=terminal, color_system=None)
    epochs = (EpochLog(epoch=0, loss=1.0, learning_rate=0.1),)
    probe = make_record().model_copy(update={"id": "1"})
    assert probe.metrics is not None
    better = probe.metrics.model_copy(update={"mean_class": 0.75})
    trained = make_record().model_copy(update={"epochs": epochs, "alarms": ("it fell: do that",)})
    with display_for(console, 2, Floors()) as display:
        display.ended(0, probe.model_copy(update={"metrics": better}))
        display.ended(0, trained)
    text = stream.getvalue().replace("\x1b[2K", "")
    lines = [line.rstrip() for line in text.splitlines() if "warning" in line]
    below = "below lora on the frozen features (75.0 %): another learning rate or more epochs "
    assert lines == ["  warning: it fell: do that", f"  warning: {below}usually help"]

    with display_for(console, 2, Floors()) as display:
        display.ended(0, trained)
        display.ended(0, probe.model_copy(update={"metrics": better}))
    assert stream.getvalue().count(f"  warning: {LABEL} is {below}") == 1


@pytest.mark.parametrize("terminal", [False, True])
def test_a_note_of_a_cell_is_printed_at_once_and_not_again_for_the_next(terminal: bool) -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=40, force_terminal=terminal, color_system=None)
    note = "nearly parallel; try recipe: {head_features: [standardised]}"
    with display_for(console, 2, Floors()) as display:
        for worker in (0, 1):
            display.started(worker, LABEL)
            display.working(worker, {"note": note})
    assert stream.getvalue().count(note) == 1


def test_live_lines_on_a_terminal() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=120, force_terminal=True, color_system=None)
    display = display_for(console, 2, Floors())
    assert isinstance(display, LiveDisplay)
    with display:
        display.started(0, LABEL)
        values = {"epoch": 3, "epochs": 4, "fraction": 0.5, "loss": 1.25}
        display.working(0, {"phase": "train", "images_per_second": 312.4, **values})
        display.tick()
        display.refresh()
        display.ended(0, make_record())
    text = stream.getvalue()
    assert f"worker 0 {LABEL} train, epoch 3/4, loss 1.250, 312 images/s" in text
    assert "0/2 cells" in text
    assert f"[1/2] {ending(make_record())}" in text


def test_long_steps_before_the_sweep_say_so_once_off_a_terminal() -> None:
    stream = io.StringIO()
    with Activities(Console(file=stream))("decoding aid") as progress:
        progress(1, 3)
        progress(2, 3)
    assert stream.getvalue() == "decoding aid ...\n"


def test_steps_that_had_nothing_to_do_print_nothing() -> None:
    stream = io.StringIO()
    with Activities(Console(file=stream))("decoding aid"):
        pass
    assert stream.getvalue() == ""
