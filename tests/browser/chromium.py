"""Chromium: the distribution's browser, driven by Playwright.

    python -m tests.browser.chromium

installs it where there is none; that needs root and apt-get.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

LEFT_OUT = (
    "Chromium is missing: left out. As root, `.venv/bin/python -m tests.browser.chromium` gets it"
)
PATIENCE_MS = 60_000
"""How long a test waits for what takes a moment, on a machine that does much else."""

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_REPORT = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""
# The browser reports each of these answers as an error; a test that wants one says so.
_STATUS = "Failed to load resource"


def find() -> Path | None:
    """The program; None where there is none."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    return Path(found) if found else None


def install() -> None:
    """Install the distribution's package; raises CalledProcessError, OSError."""
    subprocess.run(["apt-get", "-qq", "update"], check=False)
    subprocess.run(
        ["apt-get", "-qq", "install", "--no-install-recommends", "--yes", "chromium"], check=True
    )


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser without a window."""
    program = find()
    assert program is not None, LEFT_OUT
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """Collects what must not happen in a browser context: `failures`, in words."""

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.failures: list[str] = []
        self.expects_failures = False
        """Whether requests that fail are part of the test."""
        self._origin = origin
        context.add_init_script(_REPORT)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.failures.append(f"script: {error.error}"))
        context.on("request", self._request)

    def check(self) -> None:
        """Raise AssertionError for anything that was collected."""
        assert not self.failures, "\n".join(self.failures)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        if self.expects_failures and _STATUS in message.text:
            return
        self.failures.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self._origin}/", "about:")):
            self.failures.append(f"foreign request: {request.url}")


def asked_from_now(page: Page) -> list[str]:
    """The addresses that the page asks for from now on, as it does; without the icon of its tab.

    The browser asks for that by itself, at any time after the page was loaded.
    """
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/static/icon" not in request.url:
            asked.append(request.url)

    page.on("request", note)
    return asked


def without_overflow(page: Page) -> list[str]:
    """What makes the page wider than its window, in words; nothing if it is not."""
    wide = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return [f"{page.url} is {wide} px too wide"] if wide > 0 else []


def main() -> None:
    if find() is None:
        # What failed, apt-get says; LEFT_OUT says what to do.
        with suppress(subprocess.CalledProcessError, OSError):
            install()
    if find() is None:
        sys.exit(LEFT_OUT)


if __name__ == "__main__":
    main()
