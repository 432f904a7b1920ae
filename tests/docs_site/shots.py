"""Shots: pictures of pages of the documentation, to be looked at.

    python -m tests.docs_site.shots [SLUG...]

writes PNG files to var/shots: each page in both themes, 1280 and 390 pixels wide. Without slugs, a
page of each kind is taken.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
from pathlib import Path
from typing import Final, Literal

from cryptography.fernet import Fernet

from tests.api.server import serving
from tests.browser import chromium
from tests.browser.axe import violations
from tests.browser.chromium import Watched, without_overflow

FOLDER: Final = Path(__file__).parent.parent.parent / "var" / "shots"
WIDTHS: Final = (1280, 390)
THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
SLUGS: Final = (
    *("", "start/first-call", "reference/jobs", "search?q=retry", "nothing/retries"),
    *("explain/performance", "how-to/verify-signatures"),
)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, chromium.launched() as browser:
        environ = {
            "WAKECALL_HOME": home,
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
        }
        with serving(environ) as web:
            url = f"http://127.0.0.1:{web.port}"
            for theme, width in itertools.product(THEMES, WIDTHS):
                context = browser.new_context(
                    base_url=url, color_scheme=theme, viewport={"width": width, "height": 900}
                )
                watched = Watched(context, url)
                watched.expects_failures = True
                page = context.new_page()
                for slug in sys.argv[1:] or SLUGS:
                    page.goto(f"/docs/{slug}".rstrip("/"))
                    name = slug.replace("/", "-").partition("?")[0] or "home"
                    page.screenshot(
                        path=FOLDER / f"docs-{name}-{theme}-{width}.png",
                        full_page=width == WIDTHS[1],
                    )
                    print(json.dumps([*without_overflow(page), *violations(page)], indent=1))  # noqa: T201 - what the person asked for
                watched.check()
                context.close()


if __name__ == "__main__":
    main()
