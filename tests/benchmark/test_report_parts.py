"""Parts of a report (``--only``): what they remove, what they leave, and what they say of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from records import little_folder, make_record, make_run
from report_tables import finish

from rsbench.errors import SettingsError
from rsbench.report.results import load_results
from rsbench.report.sections import all_sections
from rsbench.report.write import WRITTEN, write_report

if TYPE_CHECKING:
    from pathlib import Path

    from rsbench.store import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A finished pair whose predictions are not stored: no forest can be drawn of it."""
    folder = little_folder(tmp_path)
    runs = [make_run(metapeft=metapeft) for metapeft in (False, True)]
    finish(folder, runs, [make_record(run) for run in runs])
    return folder


def leave(folder: RunFolder, *names: str) -> None:
    """Files as an earlier report could have left them, with its list of them."""
    put(folder.path, *names)
    (folder.path / WRITTEN).write_text(json.dumps(names))


def put(place: Path, *names: str) -> None:
    for name in names:
        file = place / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text("old")


def is_there(folder: RunFolder, name: str) -> bool:
    return (folder.path / name).exists()


class TestOthersFiles:
    MINE = ("figures/mine.svg", "tables/notes.md", "tables/forest_mean.csv", "report.txt")

    @pytest.mark.parametrize("only", [(), ("statistics", "tables", "figures")])
    def test_files_that_no_report_wrote_stay(
        self, folder: RunFolder, tmp_path: Path, only: tuple[str, ...]
    ) -> None:
        place = tmp_path / "elsewhere"
        for out in (None, place):
            put(out or folder.path, *self.MINE)
            for _ in range(2):
                write_report(folder, only=only, out=out, figures=False)
            assert all((out or folder.path).joinpath(each).is_file() for each in self.MINE)

    @pytest.mark.parametrize("content", ["{}", "[", '["../mine.csv", 3, "tables/../../mine.csv"]'])
    def test_a_list_of_other_places_removes_nothing(self, folder: RunFolder, content: str) -> None:
        mine = folder.path.parent / "mine.csv"
        mine.write_text("mine")
        (folder.path / WRITTEN).write_text(content)
        write_report(folder, figures=False)
        assert mine.exists()

    def test_what_this_report_wrote_the_next_one_may_remove(self, folder: RunFolder) -> None:
        write_report(folder, figures=False)
        listed = json.loads((folder.path / WRITTEN).read_text())
        there = [each.relative_to(folder.path).as_posix() for each in folder.path.glob("tables/*")]
        assert sorted(listed) == sorted(there) != []
        leave(folder, *listed, "tables/gone.csv")
        write_report(folder, figures=False)
        assert not is_there(folder, "tables/gone.csv")


class TestStaleFiles:
    def test_a_rewritten_section_keeps_no_file_that_it_cannot_make_any_more(
        self, folder: RunFolder
    ) -> None:
        leave(folder, "figures/forest_mean.png", "figures/critical_difference_tail_old.svg")
        written = write_report(folder, only=["statistics", "accuracy"])
        assert not is_there(folder, "figures/forest_mean.png")
        assert not is_there(folder, "figures/critical_difference_tail_old.svg")
        assert is_there(folder, "tables/comparisons.csv")
        assert (
            "removed, as this report does not make them any more: "
            "figures/critical_difference_tail_old.svg, figures/forest_mean.png" in written.text
        )
        assert "cannot be made: forest_mean: " in written.text

    def test_an_artefact_named_by_itself_is_removed_where_it_cannot_be_made(
        self, folder: RunFolder
    ) -> None:
        leave(folder, "figures/forest_mean.png", "figures/forest_tail.png")
        written = write_report(folder, only=["forest_mean"])
        assert not is_there(folder, "figures/forest_mean.png")
        assert is_there(folder, "figures/forest_tail.png")
        assert f"report: {folder.path}: nothing could be made" in written.text

    def test_other_sections_are_left_and_named(self, folder: RunFolder) -> None:
        leave(folder, "figures/gamma_map.png", "tables/compare-other.md", "report.html")
        written = write_report(folder, only=["statistics"])
        assert is_there(folder, "figures/gamma_map.png")
        assert is_there(folder, "tables/compare-other.md")
        (line,) = [each for each in written.text.splitlines() if each.startswith("left as they")]
        assert line.endswith(": gammas (1), report.html")

    def test_figures_stay_where_none_are_drawn(self, folder: RunFolder) -> None:
        leave(folder, "figures/forest_mean.png")
        written = write_report(folder, only=["statistics"], figures=False)
        assert is_there(folder, "figures/forest_mean.png")
        assert "left as they were, maybe older than the records: statistics (1)" in written.text

    def test_figures_that_were_named_and_not_drawn_are_told(self, folder: RunFolder) -> None:
        text = write_report(folder, only=["figures"], figures=False).text
        assert "nothing could be made" in text
        assert "not drawn, as asked: " in text

    def test_a_whole_report_tells_none_of_this(self, folder: RunFolder) -> None:
        leave(folder, "figures/forest_mean.png")
        written = write_report(folder, figures=False)
        assert len(written.text.splitlines()) == 1


def test_a_single_table_is_one_table(folder: RunFolder) -> None:
    assert write_report(folder, only=["main"]).text.endswith(": 1 table in tables/")


def test_a_section_that_nothing_is_stored_for_says_why(folder: RunFolder) -> None:
    text = write_report(folder, only=["distances"]).text
    assert "nothing could be made\ncannot be made: distances: features missing" in text


def test_a_section_that_the_run_has_nothing_for_is_not_called_unknown(folder: RunFolder) -> None:
    with pytest.raises(SettingsError, match="this run has nothing for 'ablations'"):
        write_report(folder, only=["ablations"])


def test_without_a_finished_cell_a_section_says_so(tmp_path: Path) -> None:
    folder = little_folder(tmp_path)
    finish(folder, [make_run()], [])
    with pytest.raises(SettingsError, match="'statistics': no cell of this run is finished"):
        write_report(folder, only=["statistics"])


def test_every_section_owns_what_it_makes(folder: RunFolder) -> None:
    results = load_results(folder)
    sections = all_sections()
    names = [(each, made.name) for each in sections for made in each.build(results)]
    assert names
    for section, name in names:
        owners = [each.name for each in sections if each.owns(name)]
        assert owners == [section.name], name
