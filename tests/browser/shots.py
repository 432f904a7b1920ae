"""Shots: pictures of pages, to be looked at.

    python -m tests.browser.shots [PATH...]

writes PNG files to var/shots: each path for an account in use and for an empty one, in both themes,
1280 and 375 pixels wide. A path may contain {job}, {run} and {failed_run}, for one with such an id.
Without paths, all pages are taken.
"""

from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser

from tests.browser import chromium, site
from tests.browser.chromium import Watched, without_overflow
from tests.servers import migrated, postgres_server

FOLDER: Final = Path(__file__).parent.parent.parent / "var" / "shots"
WIDTHS: Final = (1280, 375)
THEMES: Final = ("light", "dark")


def take(browser: Browser, found: site.Site, patterns: list[str]) -> None:
    """Write the pictures, and print what a browser reports."""
    for account, theme, width in itertools.product((site.FULL, site.EMPTY), THEMES, WIDTHS):
        context = found.open(
            browser,
            account,
            color_scheme=theme,
            viewport={"width": width, "height": 900},
            timezone_id="Europe/Berlin",
        )
        watched = Watched(context, found.url)
        page = context.new_page()
        for pattern in patterns or site.paths(found, account):
            if "{" in pattern and account == site.EMPTY:
                continue
            answer = page.goto(found.path(pattern))
            status = answer.status if answer is not None else 0
            if status == 404 and not patterns:
                continue
            path = FOLDER / f"{_slug(pattern)}-{account}-{theme}-{width}.png"
            page.screenshot(path=path, full_page=True, animations="disabled")
            sys.stdout.write(f"{' '.join([str(path), str(status), *without_overflow(page)])}\n")
        for failure in watched.failures:
            sys.stdout.write(f"{account} {theme} {width}: {failure}\n")
        context.close()


def _slug(pattern: str) -> str:
    if pattern == "/":
        return "front"
    bare = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "id", pattern.removeprefix("/console"))
    return re.sub(r"[^a-z0-9]+", "-", bare.lower()).strip("-") or "overview"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        postgres_server() as server,
        migrated(server) as databases,
        site.running(databases.fresh()) as found,
        chromium.launched() as browser,
    ):
        take(browser, found, sys.argv[1:])


if __name__ == "__main__":
    main()
