"""A web server on this machine that can misbehave in the ways that real ones do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Website:
    """What is served, how, and what was asked.

    Attributes:
        url: address of the site, without a slash at its end.
        files: content by path ("/train.zip").
        ranges: whether ``Range`` is understood.
        obeys_if_range: whether ``If-Range`` is understood, too.
        lengths: whether ``Content-Length`` is sent.
        headers: further headers of every answer, such as ``ETag``.
        statuses: answers for the next requests, before any file is served.
        cuts: for each of the next answers, how many bytes are sent before the connection breaks.
        asked: headers of every request so far.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    obeys_if_range: bool = True
    lengths: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)

    def range_asked(self, asked: dict[str, str]) -> int | None:
        """First byte that a request wants and may have as a part."""
        match = re.fullmatch(r"bytes=(\d+)-", asked.get("Range", ""))
        if match is None or not self.ranges:
            return None
        mark = asked.get("If-Range")
        same = mark in (None, self.headers.get("ETag"), self.headers.get("Last-Modified"))
        return int(match[1]) if same or not self.obeys_if_range else None


class _Handler(BaseHTTPRequestHandler):
    site: Website

    def do_GET(self) -> None:
        asked = dict(self.headers)
        self.site.asked.append(asked)
        if self.site.statuses:
            return self._answer(self.site.statuses.pop(0), b"")
        if self.path not in self.site.files:
            return self._answer(404, b"")
        content = self.site.files[self.path]
        start = self.site.range_asked(asked)
        if start is None:
            return self._answer(200, content)
        if start >= len(content):
            return self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        span = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return self._answer(206, content[start:], {"Content-Range": span})

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**self.site.headers, **(headers or {})}.items():
            self.send_header(name, value)
        if self.site.lengths:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status in (200, 206) and self.site.cuts:
            body = body[: self.site.cuts.pop(0)]
        with suppress(ConnectionError):  # who has seen enough leaves
            self.wfile.write(body)  # HTTP/1.0: the connection closes behind it


@contextmanager
def serve() -> Iterator[Website]:
    """A running website, stopped at the end of the block."""
    site = Website()
    handler = type("Handler", (_Handler,), {"site": site})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        site.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
