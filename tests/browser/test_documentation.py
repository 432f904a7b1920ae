"""The documentation in a browser: for everyone, at each width, without script."""

from __future__ import annotations

import pytest

from tests.browser.axe import violations
from tests.browser.chromium import Watched, without_overflow
from tests.browser.conftest import Open

PAGES = (
    *("/docs", "/docs/start/receive", "/docs/how-to/verify-signatures"),
    *("/docs/reference/operations/preview", "/docs/explain/promises", "/docs/search?q=retries"),
)


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 320)])
def test_pages_are_for_everyone(open_page: Open, theme: str, width: int) -> None:
    page = open_page(
        PAGES[0],
        color_scheme=theme,
        viewport={"width": width, "height": 800},
        reduced_motion="reduce",
    )
    for path in PAGES:
        page.goto(path)
        assert without_overflow(page) == []
        assert violations(page) == []


def test_a_missing_page_is_for_everyone(open_page: Open, watched: list[Watched]) -> None:
    page = open_page()
    watched[0].expects_failures = True
    page.goto("/docs/nothing/retries")
    assert violations(page) == []
    page.get_by_role("main").get_by_role("searchbox").fill("rotate secrets")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Rotate secrets").first.click()
    assert page.url.endswith("/docs/how-to/rotate-secrets")


def test_tabs_and_menu_work_without_script(open_page: Open) -> None:
    page = open_page(
        "/docs/how-to/verify-signatures",
        java_script_enabled=False,
        viewport={"width": 390, "height": 800},
    )
    go = page.get_by_text("func isFromWakecall")
    assert not go.is_visible()
    page.get_by_text("Go", exact=True).click()
    assert go.is_visible()
    assert not page.get_by_text("def is_from_wakecall").is_visible()
    page.keyboard.press("ArrowRight")
    assert page.get_by_text("def from_wakecall?").is_visible()
    page.get_by_text("Menu", exact=True).click()
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Rotate secrets").click()
    assert page.url.endswith("/docs/how-to/rotate-secrets")
