"""Accessibility: axe finds nothing in what every page is made of, and no page is too wide."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.axe import violations
from tests.browser.chromium import without_overflow
from tests.browser.conftest import Open


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375, 320])
def test_the_specimen_is_for_everyone(open_page: Open, theme: str, width: int) -> None:
    page = open_page(
        color_scheme=theme, viewport={"width": width, "height": 800}, reduced_motion="reduce"
    )
    assert without_overflow(page) == []
    assert violations(page) == []

    page.locator("#account-menu summary").click()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert violations(page) == []


def test_the_contrast_of_every_state_is_enough_when_rows_are_chosen(
    open_page: Open, browser: Browser
) -> None:
    page = open_page(color_scheme="dark")
    page.locator("#run-a input").check()
    page.locator("#run-b").hover()
    assert violations(page) == []
