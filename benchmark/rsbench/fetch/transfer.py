"""Bytes over HTTP into a partial file: resumed, retried, and never glued from two versions."""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING

from rsbench import __version__
from rsbench.errors import DownloadError
from rsbench.fetch.network import by_hand
from rsbench.fetch.partial import validator_of
from rsbench.fetch.reaching import briefly, no_way
from rsbench.fetch.space import check_space

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from rsbench.fetch.partial import Part
    from rsbench.fetch.remote import RemoteFile
    from rsbench.target import Progress

WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds before each new attempt; after as many failures without progress in between, the
download is given up."""
TIMEOUTS = (15.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes."""

_BLOCK = 1 << 20
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # statuses that may be gone next time
_WHY = {
    401: "the server asks for a login",
    403: "the server refuses to give it",
    404: "there is no such file",
    410: "there is no such file any more",
}
_log = logging.getLogger("rsbench")


class _Stopped(Exception):
    """The transfer stopped before its end, and may go on in a new attempt.

    Args:
        why: what happened.
        at_once: whether a new attempt is of no use unless something has arrived before.
    """

    def __init__(self, why: str, *, at_once: bool = False) -> None:
        super().__init__(why)
        self.at_once = at_once


def transfer(file: RemoteFile, part: Part, progress: Progress | None) -> None:
    """Fill ``part`` with all bytes of ``file``, going on from those it has.

    Args:
        file: what to fetch.
        part: where the bytes go; on an error it keeps what may be resumed.
        progress: called with (bytes there, all bytes); the latter is 0 where the server does
            not tell.

    Raises:
        DownloadError: the server refuses, cannot be reached, or has another file; or the disk
            is full.
    """
    failures, furthest, begun = 0, part.size, False
    while True:
        try:
            return _attempt(file, part, progress)
        except _Stopped as error:
            if part.size > furthest:
                failures, furthest, begun = 0, part.size, True
            if failures == len(WAITS) or (error.at_once and not begun):
                raise _failed(file, part, str(error)) from error
            _log.warning("%s: %s; trying again in %.0f s", file.name, error, WAITS[failures])
            time.sleep(WAITS[failures])
            failures += 1
        except OSError as error:
            raise DownloadError(
                f"it cannot be written: {error}",
                where=part.path,
                remedy="free space there and run this again; it goes on where it stopped",
            ) from error


def _attempt(file: RemoteFile, part: Part, progress: Progress | None) -> None:
    if part.path.exists() and part.size == file.size:
        return
    with _open(file, part) as response:
        if response.status_code == 416:
            return _check_whole(response, part)
        start = _start(response, part)
        total = _total(file, response, start)
        check_space(part.path.parent, max(total - start, 0), f"the download of {file.name}")
        if start == 0:
            part.begin(validator_of(response.headers))
        _receive(response, part, total, progress)
    if total and part.size != total:
        raise _Stopped(f"{part.size} of {total} bytes arrived")


def _open(file: RemoteFile, part: Part) -> requests.Response:
    """The server's answer to a request for what is missing.

    Raises:
        DownloadError: the server refuses.
        _Stopped: it cannot be reached, or has a passing fault.
    """
    import requests

    # Without this the server may compress the transfer, and no length would fit.
    headers = {"Accept-Encoding": "identity", "User-Agent": f"rsbench/{__version__}"}
    try:
        response = requests.get(
            file.url, headers={**headers, **part.headers()}, stream=True, timeout=TIMEOUTS
        )
    except (requests.ConnectionError, requests.Timeout) as error:
        why = no_way(error, file.url)
        text = why or f"the server cannot be reached: {briefly(error)}"
        raise _Stopped(text, at_once=bool(why)) from error
    except requests.RequestException as error:
        raise _failed(file, part, f"the request fails: {error}") from error
    status = response.status_code
    if status in (200, 206, 416):
        return response
    response.close()
    if status in _PASSING:
        raise _Stopped(f"the server answers {status} {response.reason}")
    why = _WHY.get(status, f"the server answers {response.reason}")
    raise _failed(file, part, f"{why} (HTTP {status})", gone=status in (404, 410))


def _check_whole(response: requests.Response, part: Part) -> None:
    """Nothing lies beyond our bytes: either they are all, or they are of something else.

    Raises:
        _Stopped: they are of something else; they are gone now.
    """
    match = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("Content-Range", ""))
    if match is None or int(match[1]) != part.size:
        part.discard()
        raise _Stopped("the partial file does not fit the server's")


def _start(response: requests.Response, part: Part) -> int:
    """Offset of the first byte that comes: that of the rest, or 0.

    Raises:
        _Stopped: it is the rest of something else; our bytes are gone now.
    """
    if response.status_code == 200:
        if part.headers():
            _log.warning("%s: the server sends the file from its beginning again", part.url)
        return 0
    mark = validator_of(response.headers)
    changed = bool(mark and part.validator) and mark != part.validator
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    if changed or match is None or int(match[1]) != part.size:
        part.discard()
        raise _Stopped("the file on the server has changed")
    return part.size


def _total(file: RemoteFile, response: requests.Response, start: int) -> int:
    """All bytes of the file, or 0 where the server does not tell.

    Raises:
        DownloadError: it is not the file that was asked for.
    """
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise _not_it(file, f"the server sends it compressed ({encoding}) though asked not to")
    kind = response.headers.get("Content-Type", "")
    web_page = kind.startswith("text/html") and not file.name.endswith((".html", ".htm"))
    if web_page and not (file.sha256 or file.md5):
        raise _not_it(file, "the server sends a web page in its place")
    length = response.headers.get("Content-Length", "")
    total = start + int(length) if length.isdigit() else file.size or 0
    if file.size is not None and total != file.size:
        raise _not_it(file, f"the server's file has {total} bytes; {file.size} were expected")
    return total


def _receive(
    response: requests.Response, part: Part, total: int, progress: Progress | None
) -> None:
    done = part.size
    with part.path.open("ab") as stream:
        for block in _blocks(response):
            stream.write(block)
            done += len(block)
            if progress is not None:
                progress(done, total)


def _blocks(response: requests.Response) -> Iterator[bytes]:
    """The body as it is sent.

    Raises:
        _Stopped: the connection breaks.
    """
    from urllib3.exceptions import HTTPError

    blocks = response.raw.stream(_BLOCK, decode_content=False)
    while True:
        try:
            block = next(blocks, None)
        except (HTTPError, OSError) as error:
            raise _Stopped(f"the connection breaks: {briefly(error)}") from error
        if block is None:
            return
        yield block


def _failed(file: RemoteFile, part: Part, why: str, *, gone: bool = False) -> DownloadError:
    path = part.path.with_name(file.name)
    remedy = f"check the network and run this again, or {by_hand(file.url, path)}"
    if gone:
        remedy = f"look where its publisher has it now, save it as {path}, and run this again"
    return DownloadError(f"{file.url} cannot be downloaded: {why}", where=path, remedy=remedy)


def _not_it(file: RemoteFile, why: str) -> DownloadError:
    return DownloadError(
        f"{file.url} is not the file it should be: {why}",
        remedy=f"get {file.name} from its publisher in another way, and report the address",
    )
