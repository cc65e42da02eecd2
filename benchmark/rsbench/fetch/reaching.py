"""Why a server is not reached, in a few words, and whether another try can help."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from rsbench.errors import DownloadError
from rsbench.fetch.network import by_hand

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NO_WAY = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN})
_SECONDS = 5.0  # a server that is slower is left to the library's own patience
_LONGEST = 120


def no_way(error: BaseException, url: str) -> str:
    """What is wrong where waiting a few seconds will not mend it; "" where it may.

    Args:
        error: as an HTTP library raised it, with its causes.
        url: what was asked for.
    """
    for each in _causes(error):
        if isinstance(each, socket.gaierror):
            return f"the name {urlsplit(url).hostname} cannot be resolved (no network?)"
        if isinstance(each, OSError) and each.errno in _NO_WAY:
            return "the network is unreachable"
    return ""


def briefly(error: BaseException) -> str:
    """The innermost cause of ``error``, without the names of classes and pools around it."""
    *_, inmost = _causes(error)
    text = " ".join(str(getattr(inmost, "strerror", None) or inmost).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def check_reachable(url: str, path: Path) -> None:
    """Raise at once where the server of ``url`` has no address or there is no way to it.

    For libraries that would try for half a minute. Behind a proxy nothing is checked: there
    names need not resolve here.

    Args:
        url: what is going to be downloaded.
        path: where it may be put by hand, for the message.

    Raises:
        DownloadError: no try can succeed.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)
    proxies = getproxies()
    if (parts.scheme in proxies or "all" in proxies) and not proxy_bypass(host):
        return
    try:
        socket.create_connection((host, port), timeout=_SECONDS).close()
    except OSError as error:
        why = no_way(error, url)
        if why:  # whatever else it is, the library may know a way round
            raise DownloadError(
                f"{url} cannot be downloaded: {why}",
                where=path,
                remedy=f"check the network and run this again, or {by_hand(url, path)}",
            ) from error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """``error``, what it was raised from, and so on."""
    each: BaseException | None = error
    while each is not None:
        yield each
        each = each.__cause__ or each.__context__
