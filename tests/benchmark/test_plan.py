"""The plan: inputs opened once, problems together, ids that depend on what matters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rsbench import registry
from rsbench.cell import Cell
from rsbench.errors import (
    BandError,
    MissingWeightsError,
    NotPreparedError,
    RsbenchError,
    SettingsError,
    UnknownNameError,
)
from rsbench.folders import Folders
from rsbench.imagery import Imagery
from rsbench.missing import missing_table
from rsbench.plan import build_stores, plan_cells, state_of
from rsbench.settings import PluginChoice
from rsbench.sources import Problem, checked_options
from rsbench.store import RunFolder

STUBS = Path(__file__).parent / "stubs"


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    monkeypatch.syspath_prepend(STUBS)
    import sweep_stub

    monkeypatch.setattr(registry, "find", sweep_stub.find)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_text("pixels")
    return Folders(data=tmp_path / "data", cache=tmp_path / "cache", base=tmp_path)


def make_cell(target: str = "a", seed: int = 0, kind: str = "stub", **recipe: Any) -> Cell:
    return Cell(
        target=PluginChoice(name=f"things_{target}", kind=kind, options={"data": target}),
        backbone=PluginChoice(name="vit", kind="stub_vit"),
        method=PluginChoice(name="lora", kind="lora"),
        recipe=recipe,
        seed=seed,
    )


def ids(cells: list[Cell], folders: Folders) -> list[str]:
    plan = plan_cells(cells, folders)
    plan.check()
    return [run.id for run in plan.runs()]


class TestIds:
    def test_settings_and_data_change_them_and_folders_do_not(
        self, folders: Folders, tmp_path: Path
    ) -> None:
        cells = [make_cell(), make_cell(seed=1), make_cell(epochs=3)]
        before = ids(cells, folders)
        assert len(set(before)) == 3
        (tmp_path / "moved").mkdir()
        (tmp_path / "moved" / "a").write_text("pixels")
        moved = replace(folders, data=tmp_path / "moved", cache=tmp_path / "other")
        assert ids(cells, moved) == before
        (tmp_path / "moved" / "a").write_text("other pixels")
        assert not set(ids(cells, moved)) & set(before)

    def test_a_cell_that_is_listed_twice_runs_once(self, folders: Folders) -> None:
        assert len(ids([make_cell(), make_cell()], folders)) == 1


class TestCode:
    def test_a_plugin_file_is_part_of_the_identity(
        self, folders: Folders, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = ids([make_cell()], folders)
        digests = {"lora": "1"}
        monkeypatch.setattr(registry, "code_digest", lambda group, name: digests.get(name, ""))
        edited = ids([make_cell()], folders)
        digests["lora"] = "2"
        assert len({*before, *edited, *ids([make_cell()], folders)}) == 3


class TestInputs:
    def test_each_is_opened_once(self, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
        import sweep_stub

        opened = []
        original = sweep_stub.StubTarget.open.__func__

        def counting(cls: Any, name: str, options: Any, given: Folders) -> Any:
            opened.append(name)
            return original(cls, name, options, given)

        monkeypatch.setattr(sweep_stub.StubTarget, "open", classmethod(counting))
        plan_cells([make_cell(seed=seed) for seed in range(5)], folders)
        assert opened == ["things_a"]

    def test_what_is_not_here_comes_as_one_table(self, folders: Folders) -> None:
        plan = plan_cells([make_cell(), make_cell("b"), make_cell("b", seed=1)], folders)
        assert [each.run is None for each in plan.cells] == [False, True, True]
        with pytest.raises(NotPreparedError, match="things_b is not prepared") as caught:
            plan.check()
        assert len(caught.value.what.splitlines()) == 5  # heading, blank, table of three lines
        assert "--available" in caught.value.remedy

    def test_the_table_gives_the_command_of_each_item(self) -> None:
        problems = [
            Problem("target", "dota", NotPreparedError("a", command="rsbench data prepare dota")),
            Problem("backbone", "vit", MissingWeightsError("b", command="rsbench weights fetch v")),
        ]
        lines = missing_table(problems).splitlines()
        assert lines[2].split(maxsplit=2) == ["target", "dota", "rsbench data prepare dota"]
        assert lines[3].split(maxsplit=2) == ["backbone", "vit", "rsbench weights fetch v"]

    def test_what_is_wrong_comes_with_what_is_missing(self, folders: Folders) -> None:
        plan = plan_cells([make_cell("b"), make_cell(kind="nothing")], folders)
        with pytest.raises(RsbenchError, match="2 inputs") as caught:
            plan.check()
        assert "things_b is not prepared" in str(caught.value)
        assert "there is no target called 'nothing'" in str(caught.value)

    def test_the_only_error_keeps_its_kind(self, folders: Folders) -> None:
        plan = plan_cells([make_cell(kind="nothing")], folders)
        with pytest.raises(UnknownNameError):
            plan.check()

    def test_cells_that_lack_data_can_be_left_out(self, folders: Folders) -> None:
        cells = [make_cell(), make_cell("b"), make_cell(kind="nothing")]
        rest, out = plan_cells(cells, folders).without_missing()
        assert [each.cell for each in out] == [cells[1]]
        assert [each.selected for each in rest.cells] == [True, False, True]
        with pytest.raises(UnknownNameError):  # what is wrong is no reason to go on
            rest.check()

    def test_bands_that_do_not_fit_are_a_problem(
        self, folders: Folders, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import sweep_stub

        original = sweep_stub.StubTarget.open.__func__

        def radar(cls: Any, name: str, options: Any, given: Folders) -> Any:
            target = original(cls, name, options, given)
            target.imagery = Imagery(("vv", "vh"), "decibel")
            return target

        monkeypatch.setattr(sweep_stub.StubTarget, "open", classmethod(radar))
        plan = plan_cells([make_cell(), make_cell(seed=1)], folders)
        assert len(plan.problems) == 1
        with pytest.raises(BandError, match="was trained on display values"):
            plan.check()

    def test_problems_of_cells_that_are_not_selected_do_not_count(self, folders: Folders) -> None:
        cells = [make_cell("b"), make_cell()]
        plan = plan_cells(cells, folders, selected=[make_cell()])
        plan.check()
        assert [each.selected for each in plan.cells] == [False, True]
        assert [run.cell for run in plan.runs()] == [make_cell()]

    def test_prepares_only_what_is_selected_and_allowed(self, folders: Folders) -> None:
        cells = [make_cell("made", kind="preparing"), make_cell()]
        plan = plan_cells(cells, folders, prepare=False)
        plan.check()
        assert plan.unprepared == ("things_made",)
        assert [run.cell for run in plan.runs()] == [make_cell()]
        assert not (folders.data / "made").exists()
        plan_cells(cells, folders, selected=[make_cell()]).check()
        assert not (folders.data / "made").exists()
        plan_cells(cells, folders).check()
        assert (folders.data / "made").exists()

    def test_wrong_option(self, folders: Folders) -> None:
        import sweep_stub

        choice = PluginChoice(name="things", kind="stub", options={"date": "a"})
        with pytest.raises(SettingsError, match="no option 'date'") as caught:
            checked_options(sweep_stub.TargetOptions, choice)
        assert "options of stub: data" in caught.value.remedy


def test_listed_cells_share_a_row_unless_more_than_the_seed_differs(folders: Folders) -> None:
    cells = [make_cell(), make_cell(epochs=3), make_cell(seed=1), make_cell(seed=1, epochs=3)]
    assert [each.row for each in plan_cells(cells, folders).listed()] == [0, 1, 0, 1]


class TestAxes:
    CELLS = tuple(
        make_cell(epochs=epochs).model_copy(update={"axes": {"depth": depth, "reading": reading}})
        for depth, reading, epochs in (("1", "alone", 1), ("1", "up_to", 1), ("2", "up_to", 2))
    )

    def test_labels_change_no_id_and_no_digest(self, folders: Folders) -> None:
        plan = plan_cells(self.CELLS, folders)
        assert [each.cell for each in plan.cells] == list(self.CELLS), "each keeps its labels"
        assert len({each.settings for each in plan.cells}) == 2
        assert len(plan.runs()) == 2
        assert ids([make_cell(epochs=1)], folders) == [plan.runs()[0].id]

    def test_each_label_is_listed_and_has_a_row(self, folders: Folders) -> None:
        listed = plan_cells(self.CELLS, folders).listed()
        assert [each.axes for each in listed] == [cell.axes for cell in self.CELLS]
        assert [each.row for each in listed] == [0, 1, 2]
        assert listed[0].id == listed[1].id != listed[2].id
        assert [each.method for each in listed] == 3 * ["lora"]

    def test_only_the_labels_that_are_asked_for_are_selected(self, folders: Folders) -> None:
        plan = plan_cells(self.CELLS, folders, selected=self.CELLS[1:2])
        assert [each.selected for each in plan.cells] == [False, True, False]
        assert [run.cell for run in plan.runs()] == [self.CELLS[1]]


def test_a_cell_whose_data_is_gone_keeps_its_listed_id(folders: Folders) -> None:
    before = plan_cells([make_cell()], folders).listed()
    (folders.data / "a").unlink()
    gone = plan_cells([make_cell()], folders)
    assert gone.listed()[0].id is None
    assert gone.listed(before) == before
    assert state_of(gone.cells[0], RunFolder(folders.data / "run")) == "unknown"


def test_stores_are_built_once_for_the_cells_that_run(folders: Folders) -> None:
    (folders.data / "b").write_text("more pixels")
    cells = [make_cell(), make_cell(seed=1), make_cell("b"), make_cell(stored_side=9)]
    plan = plan_cells(cells, folders)
    titles: list[str] = []

    def activity(title: str) -> Any:
        from rsbench.plan import silent

        titles.append(title)
        return silent(title)

    runs = plan.runs()
    build_stores(plan, [runs[0].id, runs[1].id, runs[3].id], folders, activity)
    assert titles == ["decoding things_a train", "decoding things_a test"] * 2
    assert len(list((folders.cache / "images").iterdir())) == 4
