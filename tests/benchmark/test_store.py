"""The run folder: whole cells only, one run at a time, clear errors."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rsbench.cell import Cell, cell_id
from rsbench.copies import is_published
from rsbench.errors import RecordError, ResultsFolderError
from rsbench.record import Artefact, Failure, Record
from rsbench.settings import PluginChoice
from rsbench.store import RunFolder, RunIndex

if TYPE_CHECKING:
    from pathlib import Path


def make_record(message: str = "no luck") -> Record:
    choice = PluginChoice(name="x", kind="x")
    fields = {"any": "fields"}
    return Record(
        id=cell_id(fields),
        status="failed",
        cell=Cell(target=choice, backbone=choice, method=choice),
        identity=fields,
        failure=Failure(kind="ValueError", message=message, traceback=""),
    )


def make_index(matrix: str = "little") -> RunIndex:
    return RunIndex(
        matrix=matrix, matrix_file="m.yaml", rsbench="0", created="then", updated="now", cells=()
    )


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run")


def commit(folder: RunFolder, record: Record, artefact: str = "weights") -> None:
    with folder.scratch(record.id) as scratch:
        (scratch / "adapter.safetensors").write_text(artefact)
        folder.commit(scratch, record)


class TestCommit:
    def test_record_and_artefacts_appear_together(self, folder: RunFolder) -> None:
        record = make_record()
        assert folder.record(record.id) is None
        commit(folder, record)
        found = folder.record(record.id)
        assert found is not None
        assert found == record.model_copy(update={"artefacts": found.artefacts})
        assert found.artefacts == {
            "adapter.safetensors": Artefact(size=7, sha256=hashlib.sha256(b"weights").hexdigest())
        }
        assert (folder.cell(record.id) / "adapter.safetensors").read_text() == "weights"
        assert folder.present() == [record.id]
        assert [each.name for each in folder.cells.iterdir()] == [record.id]

    def test_files_are_on_the_disk_before_the_record_that_answers_for_them(
        self, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced: list[int] = []
        sync = os.fsync

        def note(descriptor: int) -> None:
            synced.append(os.fstat(descriptor).st_ino)
            sync(descriptor)

        monkeypatch.setattr(os, "fsync", note)
        record = make_record()
        commit(folder, record)
        cell = folder.cell(record.id)
        parts = (cell / "adapter.safetensors", cell / "record.json", cell, folder.cells)
        places = [len(synced) - synced[::-1].index(each.stat().st_ino) for each in parts]
        assert places == sorted(places)

    def test_replaces_the_whole_cell(self, folder: RunFolder) -> None:
        record = make_record()
        commit(folder, record)
        (folder.cell(record.id) / "old.csv").write_text("old")
        commit(folder, make_record("again"), "new weights")
        found = folder.record(record.id)
        assert found is not None
        assert found.failure is not None
        assert found.failure.message == "again"
        assert sorted(each.name for each in folder.cell(record.id).iterdir()) == [
            "adapter.safetensors",
            "record.json",
        ]
        assert [each.name for each in folder.cells.iterdir()] == [record.id]

    def test_nothing_is_left_of_a_cell_that_is_not_committed(self, folder: RunFolder) -> None:
        def crash() -> None:
            with folder.scratch("abc") as scratch:
                (scratch / "half.csv").write_text("half")
                raise ValueError("crash")

        with pytest.raises(ValueError, match="crash"):
            crash()
        assert folder.present() == []
        assert list(folder.cells.iterdir()) == []


class TestRecords:
    @pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": 99}'])
    def test_damaged_record(self, folder: RunFolder, text: str) -> None:
        record = make_record()
        commit(folder, record)
        path = folder.cell(record.id) / "record.json"
        path.write_text(text)
        with pytest.raises(RecordError) as caught:
            folder.record(record.id)
        assert caught.value.where == str(path)
        assert "delete the folder" in caught.value.remedy

    def test_cell_without_a_record(self, folder: RunFolder) -> None:
        folder.cell("abc").mkdir(parents=True)
        with pytest.raises(RecordError, match="cannot be read"):
            folder.record("abc")

    def test_record_under_another_id(self, folder: RunFolder) -> None:
        record = make_record()
        commit(folder, record)
        folder.cell(record.id).rename(folder.cell("0123456789abcdef"))
        with pytest.raises(RecordError, match="does not belong in this folder"):
            folder.record("0123456789abcdef")


class TestLock:
    def test_second_process_is_refused_and_a_dead_one_holds_nothing(
        self, folder: RunFolder, tmp_path: Path
    ) -> None:
        program = (
            "import sys, time; from pathlib import Path; from rsbench.store import RunFolder\n"
            "with RunFolder(Path(sys.argv[1])).locked('little'):\n"
            "    print('locked', flush=True); time.sleep(600)"
        )
        command = [sys.executable, "-c", program, str(folder.path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "locked\n"
            with pytest.raises(ResultsFolderError, match="another"), folder.locked("little"):
                pass
            other.kill()
        with folder.locked("little"):
            pass

    def test_removes_what_a_dead_process_left(self, folder: RunFolder) -> None:
        record = make_record()
        commit(folder, record)
        for name in ("abc-1-0", "abc-1-1-old"):
            (folder.cells / f".tmp-{name}").mkdir()
            (folder.cells / f".tmp-{name}" / "half.csv").write_text("half")
        with folder.locked("little"):
            assert [each.name for each in folder.cells.iterdir()] == [record.id]


class TestUsable:
    def refused(self, folder: RunFolder, words: str) -> None:
        with pytest.raises(ResultsFolderError, match=words), folder.locked("little"):
            pass

    def test_new_and_empty_folders_are(self, folder: RunFolder) -> None:
        folder.check_usable("little")
        folder.path.mkdir()
        folder.check_usable("little")

    def test_run_of_the_same_matrix_is(self, folder: RunFolder, tmp_path: Path) -> None:
        (tmp_path / "m.yaml").write_text("name: little\n")
        with folder.locked("little"):
            folder.write_index(make_index(), tmp_path / "m.yaml")
        folder.check_usable("little")
        assert folder.read_index() == make_index()
        assert (folder.path / "matrix.yaml").read_text() == "name: little\n"

    def test_run_of_another_matrix_is_not(self, folder: RunFolder, tmp_path: Path) -> None:
        (tmp_path / "m.yaml").write_text("")
        folder.path.mkdir()
        folder.write_index(make_index("large"), tmp_path / "m.yaml")
        self.refused(folder, "of the matrix 'large', not of 'little'")

    def test_folder_with_other_things_is_not(self, folder: RunFolder) -> None:
        folder.path.mkdir()
        (folder.path / "thesis.tex").write_text("precious")
        self.refused(folder, "not that of a run; it holds thesis.tex")
        assert [each.name for each in folder.path.iterdir()] == ["thesis.tex"]

    def test_file_in_its_place(self, folder: RunFolder) -> None:
        folder.path.write_text("in the way")
        self.refused(folder, "cannot be written")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_read_only_folder(self, folder: RunFolder) -> None:
        folder.path.mkdir(mode=0o500)
        self.refused(folder, "cannot be written")

    def test_published(self, tmp_path: Path) -> None:
        folder = RunFolder(tmp_path / "results" / "published" / "little")
        self.refused(folder, "published")
        assert not folder.path.exists()

    def test_published_through_a_link(self, tmp_path: Path) -> None:
        place = tmp_path / "results" / "published" / "little"
        place.mkdir(parents=True)
        (tmp_path / "link").symlink_to(place)
        assert is_published(tmp_path / "link")
        assert not is_published(tmp_path / "results" / "published-not")

    def test_damaged_list_of_cells(self, folder: RunFolder) -> None:
        folder.path.mkdir()
        folder.index_file.write_text("{")
        self.refused(folder, "list of cells cannot be read")
        folder.index_file.unlink()
        folder.check_usable("little")

    def test_list_with_unknown_fields_names_the_first_one(self, folder: RunFolder) -> None:
        folder.path.mkdir()
        data = make_index().model_dump(mode="json") | {"one": 1, "two": 2}
        folder.index_file.write_text(json.dumps(data))
        self.refused(folder, r"field one: Extra inputs are not permitted \(and 1 more\)")

    def test_list_of_another_schema(self, folder: RunFolder) -> None:
        folder.path.mkdir()
        data = make_index().model_dump(mode="json") | {"schema_version": 99}
        folder.index_file.write_text(json.dumps(data))
        self.refused(folder, "schema 99")
