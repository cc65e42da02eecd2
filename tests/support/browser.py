"""Headless Chromium, driven through the DevTools protocol over two pipes: no driver, no port.

The browser is Debian's ``chromium`` or whatever ``RSBENCH_CHROMIUM`` names.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FLAGS = (
    "--headless",
    "--no-sandbox",  # containers run tests as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    "--mute-audio",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-pipe",
)
#: The protocol wants its pipes as descriptors 3 and 4, and a parent may use those itself.
_LAUNCHER = """
import fcntl, os, sys
reading, writing = (fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3])
os.dup2(reading, 3)
os.dup2(writing, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
_KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, ""), " ": (32, " ")}


class BrowserError(RuntimeError):
    """The browser did not answer, or a script in the page failed."""


def find_browser() -> str | None:
    """Path of Chromium, or None where there is none."""
    named = os.environ.get("RSBENCH_CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """A running Chromium with a fresh profile.

    Args:
        program: path of Chromium.
        profile: an empty folder.
        timeout: seconds that it may take to answer.
    """

    def __init__(self, program: str, profile: Path, timeout: float = 30.0) -> None:
        self._timeout = timeout
        self._number = 0
        self._buffer = b""
        self.events: list[dict[str, Any]] = []
        to_browser, self._write = os.pipe()[0:2]
        self._read, from_browser = os.pipe()[0:2]
        command = [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        ends = (str(to_browser), str(from_browser))
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _LAUNCHER, *ends, *command],
            pass_fds=(to_browser, from_browser),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to_browser)
        os.close(from_browser)

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Ask for something and wait for the answer; events on the way are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                break
            self.events.append(answer)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + self._timeout
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, end - time.monotonic()))
            chunk = os.read(self._read, 1 << 20) if ready else b""
            if not chunk:
                raise BrowserError("Chromium did not answer")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def open(self, address: str, width: int = 1280, height: int = 900) -> Page:
        """A new page at ``address``, loaded."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        page.resize(width, height)
        page.go(address)
        return page

    def close(self) -> None:
        """End it, by force where it does not end by itself."""
        with contextlib.suppress(BrowserError, OSError):
            self.call("Browser.close")
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)  # its own session: nobody else's
            self._process.wait()
        os.close(self._read)
        os.close(self._write)


class Page:
    """One page of the browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def close(self) -> None:
        """Close the page."""
        self.call("Page.close")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A method of the DevTools protocol, of this page."""
        return self._browser.call(method, self._session, **parameters)

    def go(self, address: str) -> None:
        """Load an address and wait until it is loaded and its scripts have run."""
        self.call("Page.navigate", url=address)
        wanted = address.partition("#")[0]
        state = f"document.readyState === 'complete' && location.href.startsWith({wanted!r})"
        self.wait(state)

    def resize(self, width: int, height: int) -> None:
        """Size of the window in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, scheme: str, medium: str = "") -> None:
        """Colours that the system is said to prefer, "dark" or "light"; "print" as medium."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=medium, features=features)

    def evaluate(self, expression: str) -> Any:
        """Value of a JavaScript expression; promises are awaited.

        Raises:
            BrowserError: it throws.
        """
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 10.0) -> None:
        """Until a JavaScript expression is true.

        Raises:
            BrowserError: it does not become true.
        """
        end = time.monotonic() + seconds
        while not self.evaluate(f"Boolean({condition})"):
            if time.monotonic() > end:
                raise BrowserError(f"never true: {condition}")
            time.sleep(0.02)

    def press(self, key: str) -> None:
        """Press a key: Enter, Escape, Tab or a space."""
        code, text = _KEYS[key]
        common = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Click in the middle of an element, as a mouse does."""
        box: Mapping[str, float] = self.evaluate(
            f"(async () => {{ const e = document.querySelector({selector!r});"
            " e.scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'});"
            # what is clicked is what was drawn last: a busy machine may not have scrolled yet
            " await new Promise((drawn) => { setTimeout(drawn, 1000);"
            " requestAnimationFrame(() => requestAnimationFrame(drawn)); });"
            " const b = e.getBoundingClientRect();"
            " return {x: b.x + b.width / 2, y: b.y + b.height / 2}; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **box)

    def requests(self) -> list[str]:
        """Addresses that this page asked for so far."""
        return [each["request"]["url"] for each in self._of("Network.requestWillBeSent")]

    def problems(self) -> list[str]:
        """Errors and warnings so far: exceptions, console messages, what the policy refused."""
        thrown = [
            each["exceptionDetails"].get("exception", {}).get("description", "exception")
            for each in self._of("Runtime.exceptionThrown")
        ]
        logged = [each["entry"]["text"] for each in self._of("Log.entryAdded")]
        said = [
            str([argument.get("value") for argument in each["args"]])
            for each in self._of("Runtime.consoleAPICalled")
            if each["type"] in ("error", "warning", "assert")
        ]
        return thrown + logged + said

    def _of(self, method: str) -> list[dict[str, Any]]:
        self.evaluate("0")  # whatever is on its way arrives before the answer
        return [
            each["params"]
            for each in self._browser.events
            if each.get("method") == method and each.get("sessionId") == self._session
        ]

    def screenshot(self, whole: bool = False) -> bytes:
        """The page as PNG: what the window shows, or all of it."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(answer["data"])

    def pdf(self) -> bytes:
        """The page as it would be printed on A4."""
        answer = self.call(
            "Page.printToPDF", paperWidth=8.27, paperHeight=11.69, preferCSSPageSize=True
        )
        return base64.b64decode(answer["data"])
