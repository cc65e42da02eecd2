import errno
import hashlib
import logging
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from website import Website, serve

from rsbench.errors import DownloadError
from rsbench.fetch import RemoteFile, check_file, check_space, fetch, lock, offline, space, transfer

OLD = random.Random(1).randbytes(3_000_000)
NEW = random.Random(2).randbytes(2_500_000)
HALF = 1_500_000


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RSBENCH_OFFLINE", "HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been waited."""
    waits: list[float] = []
    monkeypatch.setattr(transfer.time, "sleep", waits.append)
    return waits


@pytest.fixture
def site(waited: list[float]) -> Iterator[Website]:
    with serve() as website:
        website.files["/a.zip"] = OLD
        website.headers["ETag"] = '"old"'
        yield website


@pytest.fixture
def file(site: Website) -> RemoteFile:
    return RemoteFile("a.zip", f"{site.url}/a.zip")


def checked(file: RemoteFile, content: bytes = OLD) -> RemoteFile:
    return RemoteFile(file.name, file.url, len(content), sha256(content), md5(content))


def give_up_after(site: Website, arrived: int, file: RemoteFile, folder: Path) -> None:
    """Leave a partial file: the connection breaks once, and then nothing works any more."""
    site.cuts = [arrived]
    site.statuses = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfer, "WAITS", ())
        with pytest.raises(DownloadError, match="cannot be downloaded"):
            fetch(file, folder)
    assert (folder / "a.zip.part").stat().st_size == arrived
    assert not (folder / "a.zip").exists()
    site.asked.clear()


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


class TestDownload:
    def test_the_file_arrives_whole_and_alone(
        self, site: Website, file: RemoteFile, tmp_path: Path
    ) -> None:
        seen: list[tuple[int, int]] = []
        path = fetch(checked(file), tmp_path / "new" / "er", lambda *pair: seen.append(pair))
        assert path == tmp_path / "new" / "er" / "a.zip"
        assert path.read_bytes() == OLD
        assert visible(path.parent) == ["a.zip"]
        assert seen[-1] == (len(OLD), len(OLD))
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)

    def test_an_empty_file_is_a_file(self, site: Website, tmp_path: Path) -> None:
        site.files["/empty"] = b""
        path = fetch(RemoteFile("empty", f"{site.url}/empty", size=0), tmp_path)
        assert path.read_bytes() == b""

    def test_a_length_that_is_not_told_is_0_in_the_progress(
        self, site: Website, file: RemoteFile, tmp_path: Path
    ) -> None:
        site.lengths = False
        seen: list[tuple[int, int]] = []
        assert fetch(file, tmp_path, lambda *pair: seen.append(pair)).read_bytes() == OLD
        assert seen[-1] == (len(OLD), 0)

    def test_a_right_file_needs_no_network(
        self, site: Website, file: RemoteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "a.zip").write_bytes(OLD)  # put there by hand
        monkeypatch.setenv("RSBENCH_OFFLINE", "1")
        assert fetch(checked(file), tmp_path).read_bytes() == OLD
        assert fetch(file, tmp_path).read_bytes() == OLD
        assert site.asked == []

    def test_a_wrong_file_is_replaced(
        self,
        site: Website,
        file: RemoteFile,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        (tmp_path / "a.zip").write_bytes(OLD[:-1] + b"x")
        with caplog.at_level(logging.WARNING, logger="rsbench"):
            assert fetch(checked(file), tmp_path).read_bytes() == OLD
        assert f"{sha256(OLD)} was expected" in caplog.text

    def test_a_wrong_file_stays_until_the_right_one_is_there(
        self, site: Website, file: RemoteFile, tmp_path: Path
    ) -> None:
        (tmp_path / "a.zip").write_bytes(b"mine")
        del site.files["/a.zip"]
        with pytest.raises(DownloadError):
            fetch(checked(file), tmp_path)
        assert (tmp_path / "a.zip").read_bytes() == b"mine"

    def test_who_comes_second_waits_and_downloads_nothing(
        self, site: Website, file: RemoteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waiting = Event()
        monkeypatch.setattr(lock._log, "warning", lambda *_: waiting.set())
        second = Thread(target=fetch, args=(checked(file), tmp_path))
        with lock.one_at_a_time(tmp_path / "a.zip"):
            second.start()
            assert waiting.wait(30)
            (tmp_path / "a.zip").write_bytes(OLD)
        second.join(30)
        assert not second.is_alive()
        assert site.asked == []


class TestResume:
    def test_a_broken_connection_goes_on_where_it_broke(
        self, site: Website, file: RemoteFile, tmp_path: Path, waited: list[float]
    ) -> None:
        site.cuts = [HALF]
        assert fetch(checked(file), tmp_path).read_bytes() == OLD
        assert [asked.get("Range") for asked in site.asked] == [None, f"bytes={HALF}-"]
        assert site.asked[1]["If-Range"] == '"old"'
        assert waited == [1.0]

    def test_where_no_length_is_told_the_known_size_tells_that_it_broke(
        self, site: Website, file: RemoteFile, tmp_path: Path
    ) -> None:
        site.lengths = False
        site.cuts = [HALF]
        sized = RemoteFile(file.name, file.url, len(OLD))
        assert fetch(sized, tmp_path).read_bytes() == OLD
        assert site.asked[1]["Range"] == f"bytes={HALF}-"

    def test_a_later_run_goes_on_too(self, site: Website, file: RemoteFile, tmp_path: Path) -> None:
        give_up_after(site, HALF, file, tmp_path)
        seen: list[tuple[int, int]] = []
        assert fetch(file, tmp_path, lambda *pair: seen.append(pair)).read_bytes() == OLD
        assert [asked.get("Range") for asked in site.asked] == [f"bytes={HALF}-"]
        assert seen[0][0] > HALF
        assert seen[-1] == (len(OLD), len(OLD))
        assert visible(tmp_path) == ["a.zip", "a.zip.sha256"]

    def test_a_server_without_ranges_starts_again(
        self, site: Website, file: RemoteFile, tmp_path: Path
    ) -> None:
        site.ranges = False
        site.cuts = [HALF]
        assert fetch(file, tmp_path).read_bytes() == OLD

    @pytest.mark.parametrize("obeys_if_range", [True, False])
    def test_a_changed_file_is_not_glued_to_the_old_one(
        self, site: Website, file: RemoteFile, tmp_path: Path, obeys_if_range: bool
    ) -> None:
        give_up_after(site, HALF, file, tmp_path)
        site.obeys_if_range = obeys_if_range
        site.files["/a.zip"], site.headers["ETag"] = NEW, '"new"'
        assert fetch(file, tmp_path).read_bytes() == NEW

    def test_bytes_of_another_address_are_not_used(
        self, site: Website, file: RemoteFile, tmp_path: Path
    ) -> None:
        give_up_after(site, HALF, file, tmp_path)
        site.files["/b.zip"] = NEW
        other = RemoteFile("a.zip", f"{site.url}/b.zip")
        assert fetch(other, tmp_path).read_bytes() == NEW
        assert "Range" not in site.asked[0]

    @pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"weak"'}])
    def test_without_a_sure_mark_only_a_checksum_allows_to_go_on(
        self, site: Website, file: RemoteFile, tmp_path: Path, headers: dict[str, str]
    ) -> None:
        site.headers = headers
        give_up_after(site, HALF, file, tmp_path)
        give_up_after(site, HALF, file, tmp_path)  # starts again
        assert fetch(checked(file), tmp_path).read_bytes() == OLD
        assert site.asked[0]["Range"] == f"bytes={HALF}-"
        assert "If-Range" not in site.asked[0]

    def test_the_modification_date_is_a_mark(
        self, site: Website, file: RemoteFile, tmp_path: Path
    ) -> None:
        site.headers = {"Last-Modified": "Mon, 02 Mar 2026 10:00:00 GMT"}
        give_up_after(site, HALF, file, tmp_path)
        assert fetch(file, tmp_path).read_bytes() == OLD
        assert site.asked[0]["If-Range"] == site.headers["Last-Modified"]

    def test_a_part_that_is_whole_only_gets_its_name(
        self, site: Website, file: RemoteFile, tmp_path: Path
    ) -> None:
        give_up_after(site, HALF, file, tmp_path)
        (tmp_path / "a.zip.part").write_bytes(OLD)  # it was stopped behind its last byte
        assert fetch(file, tmp_path).read_bytes() == OLD
        assert len(site.asked) == 1  # answered with 416
        (tmp_path / "a.zip").rename(tmp_path / "a.zip.part")
        site.asked.clear()
        assert fetch(checked(file), tmp_path).read_bytes() == OLD
        assert site.asked == []

    @pytest.mark.parametrize("size", [None, len(OLD)])
    def test_a_part_that_is_too_long_is_thrown_away(
        self, site: Website, file: RemoteFile, tmp_path: Path, size: int | None
    ) -> None:
        give_up_after(site, HALF, file, tmp_path)
        (tmp_path / "a.zip.part").write_bytes(OLD + b"more")
        sized = RemoteFile(file.name, file.url, size)
        assert fetch(sized, tmp_path).read_bytes() == OLD


class TestRetries:
    def test_an_error_of_the_server_may_pass(
        self, site: Website, file: RemoteFile, tmp_path: Path, waited: list[float]
    ) -> None:
        site.statuses = [500, 503]
        assert fetch(file, tmp_path).read_bytes() == OLD
        assert waited == [1.0, 2.0]

    def test_it_is_given_up_in_the_end(
        self, site: Website, file: RemoteFile, tmp_path: Path, waited: list[float]
    ) -> None:
        site.statuses = [500] * 99
        with pytest.raises(DownloadError, match="the server answers 500") as caught:
            fetch(file, tmp_path)
        assert len(site.asked) == 5
        assert waited == [1.0, 2.0, 4.0, 8.0]
        assert file.url in caught.value.remedy
        assert str(tmp_path / "a.zip") in caught.value.remedy

    def test_progress_gives_new_attempts(
        self, site: Website, file: RemoteFile, tmp_path: Path, waited: list[float]
    ) -> None:
        site.cuts = [100_000] * 20  # far more breaks than failures are allowed
        assert fetch(file, tmp_path).read_bytes() == OLD
        assert waited == [1.0] * 20

    def test_beginning_again_is_no_progress(
        self, site: Website, file: RemoteFile, tmp_path: Path
    ) -> None:
        site.ranges = False
        site.cuts = [HALF] * 99
        with pytest.raises(DownloadError, match="connection breaks"):
            fetch(file, tmp_path)
        assert len(site.asked) == 5

    @pytest.mark.parametrize(
        ("status", "words"),
        [(404, "no such file"), (403, "refuses"), (401, "login"), (418, "HTTP 418")],
    )
    def test_a_refusal_is_not_repeated(
        self, site: Website, file: RemoteFile, tmp_path: Path, status: int, words: str
    ) -> None:
        site.statuses = [status]
        with pytest.raises(DownloadError, match=words) as caught:
            fetch(file, tmp_path)
        assert len(site.asked) == 1
        assert file.url in str(caught.value)
        assert f"save it as {tmp_path / 'a.zip'}" in caught.value.remedy

    def test_no_server_at_all(self, file: RemoteFile, tmp_path: Path, site: Website) -> None:
        with serve() as gone:
            pass
        with pytest.raises(DownloadError, match="cannot be reached"):
            fetch(RemoteFile("a.zip", f"{gone.url}/a.zip"), tmp_path)

    @pytest.mark.parametrize(
        ("cause", "words"),
        [
            (socket.gaierror(socket.EAI_NONAME, "?"), "name no.example cannot be resolved"),
            (OSError(errno.ENETUNREACH, "?"), "the network is unreachable"),
        ],
    )
    def test_without_a_network_nothing_is_waited_for(
        self,
        tmp_path: Path,
        waited: list[float],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        cause: OSError,
        words: str,
    ) -> None:
        def get(*_: object, **__: object) -> requests.Response:
            raise requests.ConnectionError("HTTPSConnectionPool(...)") from cause

        monkeypatch.setattr(requests, "get", get)
        with pytest.raises(DownloadError, match=words) as caught:
            fetch(RemoteFile("a.zip", "https://no.example/a.zip"), tmp_path)
        assert waited == []
        assert caplog.text == ""
        assert "Pool" not in caught.value.what

    def test_a_new_attempt_takes_one_short_line(
        self, site: Website, file: RemoteFile, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        site.cuts = [HALF]
        fetch(file, tmp_path)
        (record,) = caplog.records
        line = record.getMessage()
        assert line.startswith("a.zip: the connection breaks: ")
        assert line.endswith("; trying again in 1 s")
        assert len(line) < 200

    def test_an_address_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(DownloadError, match="the request fails"):
            fetch(RemoteFile("a.zip", "http://:99999/a.zip"), tmp_path)


class TestOffline:
    @pytest.mark.parametrize("name", ["RSBENCH_OFFLINE", "HF_HUB_OFFLINE"])
    @pytest.mark.parametrize("value", ["1", "true", "TRUE"])
    def test_nothing_is_asked(
        self,
        site: Website,
        file: RemoteFile,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        name: str,
        value: str,
    ) -> None:
        monkeypatch.setenv(name, value)
        assert offline()
        with pytest.raises(DownloadError, match="network is off") as caught:
            fetch(file, tmp_path)
        assert file.url in caught.value.remedy
        assert str(tmp_path / "a.zip") in caught.value.remedy
        assert site.asked == []

    @pytest.mark.parametrize("value", ["", "0", "false"])
    def test_it_is_not_off(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("RSBENCH_OFFLINE", value)
        assert not offline()

    def test_a_wrong_file_is_named(
        self, file: RemoteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "a.zip").write_bytes(b"mine")
        monkeypatch.setenv("RSBENCH_OFFLINE", "1")
        with pytest.raises(DownloadError, match=f"has 4 bytes; {len(OLD)} were expected"):
            fetch(checked(file), tmp_path)


class TestTheRightFile:
    @pytest.mark.parametrize("kind", ["sha256", "md5"])
    def test_a_wrong_checksum_throws_the_download_away(
        self, site: Website, file: RemoteFile, tmp_path: Path, kind: str
    ) -> None:
        make = sha256 if kind == "sha256" else md5
        sums: dict[str, Any] = {kind: make(NEW)}
        with pytest.raises(DownloadError, match="thrown away") as caught:
            fetch(RemoteFile(file.name, file.url, **sums), tmp_path)
        assert make(OLD) in caught.value.what
        assert f"{make(NEW)} was expected" in caught.value.what
        assert visible(tmp_path) == []

    def test_a_wrong_size_is_seen_before_the_transfer(
        self, site: Website, file: RemoteFile, tmp_path: Path
    ) -> None:
        with pytest.raises(DownloadError, match=f"{len(OLD)} bytes; 7 were expected"):
            fetch(RemoteFile(file.name, file.url, size=7), tmp_path)
        assert visible(tmp_path) == []

    def test_a_web_page_is_no_archive(
        self, site: Website, file: RemoteFile, tmp_path: Path
    ) -> None:
        site.headers["Content-Type"] = "text/html; charset=utf-8"
        with pytest.raises(DownloadError, match="web page"):
            fetch(file, tmp_path)
        assert fetch(checked(file), tmp_path).read_bytes() == OLD  # the checksum knows better

    def test_a_compressed_transfer_is_refused(
        self, site: Website, file: RemoteFile, tmp_path: Path
    ) -> None:
        site.headers["Content-Encoding"] = "gzip"
        with pytest.raises(DownloadError, match="compressed"):
            fetch(file, tmp_path)
        assert site.asked[0]["Accept-Encoding"] == "identity"

    def test_without_a_known_checksum_the_first_one_seen_is_kept(
        self, file: RemoteFile, tmp_path: Path
    ) -> None:
        path = fetch(file, tmp_path)
        line = (tmp_path / "a.zip.sha256").read_text()
        assert line == f"{sha256(OLD)}  a.zip\n"  # what sha256sum --check reads
        check_file(path)
        path.write_bytes(NEW)
        with pytest.raises(DownloadError, match=f"{sha256(NEW)}; {sha256(OLD)} was expected"):
            check_file(path)

    def test_a_file_that_has_changed_on_the_server_has_to_be_accepted(
        self, site: Website, file: RemoteFile, tmp_path: Path
    ) -> None:
        fetch(file, tmp_path).unlink()
        site.files["/a.zip"], site.headers["ETag"] = NEW, '"new"'
        side = tmp_path / "a.zip.sha256"
        with pytest.raises(DownloadError, match="was expected") as caught:
            fetch(file, tmp_path)
        assert f"delete {side}" in caught.value.remedy
        side.unlink()
        assert fetch(file, tmp_path).read_bytes() == NEW
        assert sha256(NEW) in side.read_text()

    def test_a_damaged_side_file_is_an_error(self, file: RemoteFile, tmp_path: Path) -> None:
        path = fetch(file, tmp_path)
        (tmp_path / "a.zip.sha256").write_text("what?")
        with pytest.raises(DownloadError, match="holds no SHA-256"):
            check_file(path)

    def test_check_file(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        with pytest.raises(DownloadError, match="cannot be read"):
            check_file(path)
        path.write_bytes(b"abc")
        check_file(path)
        check_file(path, size=3, sha256=sha256(b"abc").upper(), md5=md5(b"abc"))
        with pytest.raises(DownloadError, match="3 bytes; 4 were expected"):
            check_file(path, size=4)
        with pytest.raises(DownloadError, match=f"MD5 {md5(b'abc')}; {md5(b'')} was expected"):
            check_file(path, sha256=sha256(b"abc"), md5=md5(b""))


class TestSpace:
    @pytest.fixture
    def free(self, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
        """How much is free on every disk."""
        disk = SimpleNamespace(free=0)
        monkeypatch.setattr(space.shutil, "disk_usage", lambda _: disk)
        return disk

    def test_it_is_asked_for_where_the_folder_will_be(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[Path] = []

        def usage(path: Path) -> SimpleNamespace:
            asked.append(path)
            return SimpleNamespace(free=10)

        monkeypatch.setattr(space.shutil, "disk_usage", usage)
        check_space(tmp_path / "not" / "yet", 10, "this")
        assert asked == [tmp_path]
        with pytest.raises(DownloadError, match="this needs 11 bytes, but only 10 bytes are free"):
            check_space(tmp_path / "not" / "yet", 11, "this")

    @pytest.mark.parametrize(
        ("size", "text"),
        [(999, "999 bytes"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (35_200_000_000, "35.2 GB")],
    )
    def test_sizes_are_readable(self, size: int, text: str) -> None:
        assert space.readable(size) == text

    def test_a_full_disk_is_seen_before_the_transfer(
        self, site: Website, file: RemoteFile, tmp_path: Path, free: SimpleNamespace
    ) -> None:
        free.free = len(OLD) - 1
        with pytest.raises(DownloadError, match=r"download of a\.zip needs 3\.0 MB"):
            fetch(file, tmp_path)
        assert visible(tmp_path) == []
        free.free = len(OLD)
        assert fetch(file, tmp_path).read_bytes() == OLD

    def test_what_is_there_already_needs_no_space(
        self, site: Website, file: RemoteFile, tmp_path: Path, free: SimpleNamespace
    ) -> None:
        free.free = len(OLD)
        give_up_after(site, HALF, file, tmp_path)
        free.free = len(OLD) - HALF - 1
        with pytest.raises(DownloadError, match="free there"):
            fetch(file, tmp_path)
        free.free += 1
        assert fetch(file, tmp_path).read_bytes() == OLD

    def test_a_folder_that_cannot_be_one(self, file: RemoteFile, tmp_path: Path) -> None:
        (tmp_path / "taken").write_text("")
        with pytest.raises(DownloadError, match="cannot be written"):
            fetch(file, tmp_path / "taken" / "folder")


class TestDeclarations:
    @pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "a\\b", "a\0"])
    def test_a_name_is_a_plain_name(self, name: str) -> None:
        with pytest.raises(DownloadError, match="no plain file name"):
            RemoteFile(name, "https://example.org/a")

    @pytest.mark.parametrize("url", ["", "ftp://example.org/a", "file:///etc/passwd", "a.zip"])
    def test_an_address_is_http(self, url: str) -> None:
        with pytest.raises(DownloadError, match="no http or https address"):
            RemoteFile("a", url)

    @pytest.mark.parametrize("sums", [{"sha256": "ab"}, {"sha256": "x" * 64}, {"md5": "a" * 64}])
    def test_a_checksum_is_hexadecimal(self, sums: dict[str, str]) -> None:
        with pytest.raises(DownloadError, match="hexadecimal"):
            RemoteFile("a", "https://example.org/a", **sums)  # type: ignore[arg-type]


def test_importing_it_is_light() -> None:
    code = (
        "import sys, rsbench.fetch\n"
        "print(sorted({'requests', 'huggingface_hub', 'filelock', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
