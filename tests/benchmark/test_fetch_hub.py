import errno
import hashlib
import logging
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import errors

from rsbench.errors import DownloadError
from rsbench.fetch import HubFile, fetch, reaching, space

CONTENT = b"weights" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MODEL = HubFile("owner/name", "sub/weights.bin", sha256=SHA256)
DATA = HubFile("owner/name", "sub/weights.bin", kind="dataset", sha256=SHA256)


class Hub:
    """Stands in for the library: a cache folder, one file, and what was asked."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.content = CONTENT
        self.error: Exception | None = None
        self.downloads: list[dict[str, Any]] = []

    def place(self, local_dir: Path | None, filename: str) -> Path:
        return (self.cache if local_dir is None else local_dir) / filename

    def try_to_load_from_cache(
        self, repo_id: str, filename: str, *, revision: str, repo_type: str
    ) -> str | None:
        path = self.place(None, filename)
        return str(path) if path.exists() else None

    def hf_hub_download(
        self, *, dry_run: bool = False, tqdm_class: Any = None, **asked: Any
    ) -> Any:
        if self.error is not None:
            raise self.error
        if dry_run:
            return SimpleNamespace(file_size=len(self.content))
        self.downloads.append(asked)
        path = self.place(asked["local_dir"], asked["filename"])
        if not path.exists() or asked["force_download"]:
            with tqdm_class(total=len(self.content), name="hub", disable=False, unit="B") as bar:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.content)
                bar.update(3)
                bar.update(len(self.content) - 3)
        return str(path)


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    for name in ("RSBENCH_OFFLINE", "HF_HUB_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(reaching.socket, "create_connection", lambda *_, **__: socket.socket())
    stub = Hub(tmp_path / "hub")
    for method in ("hf_hub_download", "try_to_load_from_cache"):
        monkeypatch.setattr(huggingface_hub, method, getattr(stub, method))
    return stub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_model_goes_into_the_cache_that_others_share(hub: Hub, folder: Path) -> None:
    assert fetch(MODEL, folder) == hub.cache / "sub" / "weights.bin"
    (asked,) = hub.downloads
    assert asked == {
        "repo_id": "owner/name",
        "filename": "sub/weights.bin",
        "repo_type": "model",
        "revision": "main",
        "local_dir": None,
        "force_download": False,
    }
    assert not folder.exists()


def test_a_data_set_goes_into_its_folder(hub: Hub, folder: Path) -> None:
    pinned = HubFile("owner/name", "a.tar", revision="0" * 40, kind="dataset")
    path = fetch(pinned, folder)
    assert path == folder / "a.tar"
    (asked,) = hub.downloads
    assert asked["local_dir"] == folder
    assert asked["repo_type"] == "dataset"
    assert asked["revision"] == "0" * 40
    assert (folder / "a.tar.sha256").read_text() == f"{SHA256}  a.tar\n"


def test_progress_is_in_bytes_and_the_hub_shows_no_bar_of_its_own(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[int, int]] = []
    fetch(MODEL, folder, lambda *pair: seen.append(pair))
    assert seen == [(3, len(CONTENT)), (len(CONTENT), len(CONTENT))]
    assert capfd.readouterr().err == ""


def test_what_is_in_the_cache_is_used_where_it_lies(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(MODEL, folder)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert fetch(MODEL, folder) == hub.cache / "sub" / "weights.bin"
    assert fetch(DATA, folder) == hub.cache / "sub" / "weights.bin"
    assert len(hub.downloads) == 1


def test_a_file_put_there_by_hand_is_used(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "weights.bin").write_bytes(CONTENT)
    monkeypatch.setenv("RSBENCH_OFFLINE", "1")
    assert fetch(MODEL, folder) == folder / "sub" / "weights.bin"
    assert hub.downloads == []


def test_nothing_is_asked_offline(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RSBENCH_OFFLINE", "1")
    with pytest.raises(DownloadError, match="network is off") as caught:
        fetch(DATA, folder)
    assert "https://huggingface.co/datasets/owner/name/resolve/main/sub" in caught.value.remedy
    assert str(folder / "sub" / "weights.bin") in caught.value.remedy
    assert hub.downloads == []


@pytest.mark.parametrize("file", [MODEL, DATA])
def test_a_damaged_file_is_fetched_again_by_force(
    hub: Hub, folder: Path, file: HubFile, caplog: pytest.LogCaptureFixture
) -> None:
    fetch(file, folder).write_bytes(b"damaged")
    with caplog.at_level(logging.WARNING, logger="rsbench"):
        path = fetch(file, folder)
    assert path.read_bytes() == CONTENT
    assert hub.downloads[1]["force_download"]
    assert f"{SHA256} was expected" in caplog.text


def test_another_file_than_expected_is_an_error(hub: Hub, folder: Path) -> None:
    hub.content = b"other"
    with pytest.raises(DownloadError, match=f"not the file it should be.*{SHA256} was expected"):
        fetch(MODEL, folder)


def test_the_disk_is_asked_first(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space.shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    for file, variable, other in (
        (DATA, "RSBENCH_DATA", "HF_HOME"),
        (MODEL, "HF_HOME", "RSBENCH_DATA"),
    ):
        with pytest.raises(DownloadError, match=r"needs 7\.0 kB, but only 10 bytes") as caught:
            fetch(file, folder)
        assert variable in caught.value.remedy
        assert other not in caught.value.remedy
    assert hub.downloads == []


NO_WAY = [
    (socket.gaierror(socket.EAI_AGAIN, "again"), "the name huggingface.co cannot be resolved"),
    (OSError(errno.ENETUNREACH, "no way"), "the network is unreachable"),
]


@pytest.mark.parametrize(("error", "words"), NO_WAY)
def test_without_a_network_the_library_is_not_let_try(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    def connect(*_: object, **__: object) -> socket.socket:
        raise error

    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(reaching.socket, "create_connection", connect)
    hub.error = AssertionError("the library was asked")
    with pytest.raises(DownloadError, match=words) as caught:
        fetch(MODEL, folder)
    assert f"save it as {folder / 'sub' / 'weights.bin'}" in caught.value.remedy
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    with pytest.raises(DownloadError, match="the library was asked"):
        fetch(MODEL, folder)


def answered(kind: type[Exception]) -> Exception:
    """An error of the library as it makes them from an answer of the hub."""
    response = SimpleNamespace(headers={}, request=None, status_code=404)
    return kind("some words", response=response)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("error", "words", "command"),
    [
        (answered(errors.GatedRepoError), "accept the terms", "hf auth login"),
        (answered(errors.RepositoryNotFoundError), "no such repository", "hf auth login"),
        (answered(errors.RevisionNotFoundError), "no revision 'main'", ""),
        (answered(errors.RemoteEntryNotFoundError), "no such file in the repository", ""),
        (errors.LocalEntryNotFoundError("no route"), "cannot be reached: no route", ""),
        (RuntimeError("odd"), "RuntimeError: odd", ""),
    ],
)
def test_errors_of_the_hub_are_explained(
    hub: Hub, folder: Path, error: Exception, words: str, command: str
) -> None:
    hub.error = error
    with pytest.raises(DownloadError, match=words) as caught:
        fetch(MODEL, folder)
    assert caught.value.command == command
    assert MODEL.url in caught.value.what
    assert f"save it as {folder / 'sub' / 'weights.bin'}" in caught.value.remedy


def test_a_mirror_is_named_in_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    assert MODEL.url == "https://mirror.example/owner/name/resolve/main/sub/weights.bin"


@pytest.mark.parametrize(
    ("repository", "name"),
    [("name", "a"), ("a/b/c", "a"), ("o/n", ""), ("o/n", "/a"), ("o/n", "../a"), ("o/n", "a\\b")],
)
def test_a_wrong_declaration_is_an_error(repository: str, name: str) -> None:
    with pytest.raises(DownloadError, match="mend the declaration"):
        HubFile(repository, name)
