"""Keyboard: everything can be done without a pointer, and no key acts while one is typing."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.chromium import Watched
from tests.browser.conftest import Open


def test_rows_are_walked_and_chosen(open_page: Open) -> None:
    page = open_page()
    for key in ("j", "x", "j", "j", "X"):
        page.keyboard.press(key)

    expect(page.locator("#run-c a")).to_be_focused()
    for name in "abc":
        expect(page.locator(f"#run-{name} input")).to_be_checked()
    page.keyboard.press("Escape")
    expect(page.locator("#runs input:checked")).to_have_count(0)
    page.keyboard.press("k")
    expect(page.locator("#run-b a")).to_be_focused()


def test_a_row_is_opened_with_enter(open_page: Open, watched: list[Watched]) -> None:
    page = open_page()
    watched[0].expects_failures = True
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    # A browser that is closed on its way to a page may never be closed.
    page.wait_for_url("**/console/runs/1")


def test_no_shortcut_acts_in_a_field_or_with_a_modifier(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("/")
    expect(page.locator("#field-q")).to_be_focused()
    page.keyboard.type("jxtz?.r")

    expect(page.locator("#field-q")).to_have_value("jxtz?.r")
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert page.evaluate("document.documentElement.dataset.theme") is None
    page.locator("h1").click()
    page.keyboard.press("Control+j")
    assert page.evaluate("document.activeElement.closest('tr')") is None


def test_the_shortcuts_are_listed_and_switched_off(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_contain_text("Next row")
    dialog.get_by_label("Enable single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("t")

    assert page.evaluate("document.documentElement.dataset.theme") is None
    page.reload()
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.closest('tr')") is None
    page.keyboard.press("?")
    expect(dialog).to_be_visible()


def test_the_theme_is_kept(open_page: Open) -> None:
    page = open_page(color_scheme="light")
    page.keyboard.press("t")
    page.keyboard.press("t")
    page.reload()

    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 19, 23)"


def test_the_zone_is_switched_for_all_times(open_page: Open) -> None:
    page = open_page()
    expect(page.locator("#run-a time").first).to_have_text("Sun 22 Nov 10:15:00 +01:00")
    page.keyboard.press("z")
    expect(page.locator("#run-a time").first).to_have_text("Sun 22 Nov 09:15:00 UTC")
    page.keyboard.press("z")
    expect(page.locator("#run-a time").first).to_have_text("Sun 22 Nov 10:15:00 +01:00")


def test_the_tab_key_reaches_the_content_at_once(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_the_account_menu_opens_and_closes(open_page: Open) -> None:
    page = open_page()
    page.locator("#account-menu summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Dark")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Dark")).to_be_hidden()
    expect(page.locator("#account-menu summary")).to_be_focused()


def test_a_text_is_copied(open_page: Open) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the payload").click()

    expect(page.locator("#announcement")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == '{"amount": 12345678901234567890.10, "x": "<b>&"}'
