"""Two methods of a run beside each other: which rows meet, what is said, what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from report_tables import csv_rows
from simulated import SimulatedRun

from rsbench.cli import main
from rsbench.compare.methods import compare_methods
from rsbench.errors import NotComparableError, SettingsError
from rsbench.report.sections.statistics.run import statistics_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path) -> SimulatedRun:
    return SimulatedRun(tmp_path)


def lines(run: SimulatedRun, methods: str) -> list[dict[str, str]]:
    return csv_rows(compare_methods(run.folder, methods))


def test_the_first_minus_the_second_with_the_statistics_of_the_report(run: SimulatedRun) -> None:
    for target in ("aid", "dota"):
        run.add("linear", target=target, skill=0.0)
        run.add("lora", target=target, skill=1.5)
        run.add("adapter", target=target, skill=1.5)
    results = run.read()
    table = compare_methods(run.folder, "lora,linear")
    assert table.name == "compare-lora-minus-linear"
    found = [line for line in csv_rows(table) if line["metric"] == "mean"]
    assert [(line["target"], line["verdict"]) for line in found] == [
        ("aid", "higher"),
        ("dota", "higher"),
    ]
    assert all(float(line["difference_mean"]) > 10 for line in found)
    # against the linear probe the report has it, too, in a family with Adapter
    known = {
        f.contrast.second.target: f.comparison.paired
        for f in statistics_of(results).findings("linear")
        if f.metric == "mean" and f.contrast.second.method == "lora"
    }
    for line in found:
        paired = known[line["target"]]
        assert paired is not None
        assert float(line["difference_mean"]) == pytest.approx(paired.difference, rel=1e-4)
        assert float(line["p"]) == pytest.approx(paired.p, rel=1e-4)
    assert "of lora minus linear on one metric that have a test (head: 2, " in "\n".join(
        table.notes
    )
    turned = next(line for line in lines(run, "linear,lora") if line["metric"] == "mean")
    assert turned["verdict"] == "lower"
    assert {line["verdict"] for line in lines(run, "lora,adapter")} == {"within the noise"}


def test_rows_meet_at_their_place_on_the_axes(run: SimulatedRun) -> None:
    run.add("linear", skill=0.0)
    for rank in ("4", "8"):
        for method, metapeft in (("lora", True), ("adapter", False)):
            run.add(method, metapeft, axes={"rank": rank}, options={"rank": int(rank)})
    run.read()
    for methods in ("lora+metapeft,adapter", "lora+metapeft,linear"):
        found = [line for line in lines(run, methods) if line["metric"] == "tail"]
        assert [line["setting"] for line in found] == ["rank=4", "rank=8"]
        assert {line["seeds"] for line in found} == {"3"}
        assert not any("differs in" in line["remark"] for line in found)
    turned = lines(run, "linear,lora+metapeft")
    assert {line["reference"] for line in turned} == {
        "lora+metapeft (rank=4)",
        "lora+metapeft (rank=8)",
    }
    references = {line["reference"] for line in lines(run, "lora+metapeft,adapter")}
    assert references == {"adapter (rank=4)", "adapter (rank=8)"}


def test_further_settings_in_which_they_differ_are_named(run: SimulatedRun) -> None:
    run.add("linear", learning_rate=0.1)
    run.add("lora", learning_rate=0.01)
    run.read()
    table = compare_methods(run.folder, "lora,linear")
    assert any("more than the method differs" in note for note in table.notes)
    assert "differs in recipe.learning_rate: 0.1 and 0.01" in csv_rows(table)[0]["remark"]


def test_what_cannot_be_compared_is_refused(run: SimulatedRun) -> None:
    run.add("linear", target="aid")
    run.add("lora", target="dota")
    run.read()
    for methods in ("lora", "lora,", "lora,lora", "lora,linear,full"):
        with pytest.raises(SettingsError, match="not two different methods"):
            compare_methods(run.folder, methods)
    with pytest.raises(NotComparableError, match="no cell of a method 'lor' is finished") as error:
        compare_methods(run.folder, "lor,linear")
    assert "lora" in error.value.remedy
    with pytest.raises(NotComparableError, match="no row of lora has one row of linear"):
        compare_methods(run.folder, "lora,linear")


def test_as_a_command(run: SimulatedRun, capsys: pytest.CaptureFixture[str]) -> None:
    run.add("linear", skill=0.0)
    run.add("lora", skill=1.5)
    run.read("Demo data")
    assert main(["compare", str(run.folder.path), "--methods", "lora,linear"]) == 0
    printed = capsys.readouterr().out
    assert "| vit | things | mean | 3 | +" in printed
    assert "Demo data" in printed
    for suffix in ("csv", "md"):
        assert (run.folder.tables / f"compare-lora-minus-linear.{suffix}").is_file()
    for options in ([], ["--with", "paper", "--methods", "lora,linear"]):
        assert main(["compare", str(run.folder.path), *options]) == 2
        assert "either --with or --methods" in capsys.readouterr().err
