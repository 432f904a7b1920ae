"""Live: the page follows the data, and nothing that a person does is disturbed by that."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.chromium import Watched, asked_from_now
from tests.browser.conftest import Open, Specimen

ROWS = "#runs tbody tr"


def poll(page: Page) -> None:
    """Let the time of one poll pass."""
    page.clock.run_for(6000)


def opened(open_page: Open) -> Page:
    page = open_page("about:blank")
    page.clock.install()
    page.goto("/console/specimen")
    return page


def names(page: Page) -> list[str]:
    return page.locator(f"{ROWS} .first a").all_text_contents()


def test_a_change_of_a_row_is_shown(open_page: Open, specimen: Specimen) -> None:
    page = opened(open_page)
    page.locator("details.curl summary").first.click()
    specimen.show(rows=["a", "b", "c"], late=True)
    poll(page)

    expect(page.locator("#run-a")).to_contain_text("changed")
    expect(page.locator("details.curl").first).to_have_attribute("open", "")
    expect(page.locator("#live-state")).to_have_text("Live")


def test_an_unchanged_page_is_not_sent_again(open_page: Open) -> None:
    page = opened(open_page)
    with page.expect_response("**/console/specimen") as answered:
        poll(page)

    assert answered.value.status == 304
    expect(page.locator("#asof")).to_contain_text("now")


def test_new_rows_are_offered_and_shown_when_asked_for(open_page: Open, specimen: Specimen) -> None:
    page = opened(open_page)
    specimen.show(rows=["y", "z", "a", "b"])
    poll(page)

    expect(page.locator("#offer")).to_have_text("2 new, press . to show")
    assert names(page) == ["a", "b", "c"]
    page.keyboard.press(".")
    expect(page.locator(ROWS)).to_have_count(4)
    assert names(page) == ["y", "z", "a", "b"]
    expect(page.locator("#offer")).to_have_count(0)


def test_rows_of_another_account_are_not_shown_below_the_name_of_the_first(
    open_page: Open, specimen: Specimen
) -> None:
    specimen.show(rows=["a"], account="acme")
    page = opened(open_page)
    expect(page.locator(".who b")).to_have_text("acme")
    specimen.show(rows=["b"], account="second")
    poll(page)

    expect(page.locator(".who b")).to_have_text("second")
    expect(page.locator("#run-b")).to_have_count(1)


def test_nothing_changes_while_a_row_is_chosen(open_page: Open, specimen: Specimen) -> None:
    page = opened(open_page)
    page.locator("#run-b input").check()
    specimen.show(rows=["c"])
    poll(page)

    expect(page.locator("#live-state")).to_have_text("Paused (1 selected)")
    assert names(page) == ["a", "b", "c"]
    page.locator("#run-b input").uncheck()
    poll(page)
    expect(page.locator(ROWS)).to_have_count(1)


def test_a_question_survives_the_updates(open_page: Open, specimen: Specimen) -> None:
    page = opened(open_page)
    page.get_by_role("link", name="Delete…").click()
    specimen.show(rows=["c"])
    poll(page)

    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(page.locator("#live-state")).to_have_text("Paused (a dialog is open)")
    expect(dialog.get_by_role("button", name="Delete job")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("link", name="Delete…")).to_be_focused()


def test_the_focus_stays_on_its_row(open_page: Open, specimen: Specimen) -> None:
    page = opened(open_page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("#run-b a")).to_be_focused()
    specimen.show(rows=["b", "c"], late=True)
    poll(page)

    expect(page.locator("#run-b")).to_contain_text("changed")
    expect(page.locator("#run-b a")).to_be_focused()


def test_a_failure_shows_how_old_the_data_is(
    open_page: Open, specimen: Specimen, watched: list[Watched]
) -> None:
    page = opened(open_page)
    watched[0].expects_failures = True
    specimen.show(rows=["a"], status=503)
    poll(page)

    since = re.compile(r"Not updated since [0-9:]{8} \+01:00")
    expect(page.locator("#live-state")).to_have_text(since)
    specimen.show(rows=["a"])
    # The pause has doubled.
    page.clock.run_for(12_000)
    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.locator("#live-state")).to_have_text("Live")


def test_a_hidden_tab_asks_for_nothing(open_page: Open) -> None:
    page = opened(open_page)
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {configurable: true, get: () => true})"
    )
    asked = asked_from_now(page)
    page.clock.run_for(120_000)
    assert asked == []

    page.evaluate("delete document.hidden")
    with page.expect_response("**/console/specimen"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_a_person_pauses_the_updates_and_they_stay_so(open_page: Open) -> None:
    page = opened(open_page)
    page.keyboard.press("r")
    expect(page.locator("#live-state")).to_have_text("Paused")
    asked = asked_from_now(page)
    page.clock.run_for(60_000)
    assert asked == []

    page.reload()
    expect(page.locator("#live-state")).to_have_text("Paused")


def test_the_distance_of_an_instant_is_kept_up_to_date(open_page: Open) -> None:
    page = opened(open_page)
    page.keyboard.press("r")
    # The clock goes on by itself as well.
    expect(page.locator("#asof .ago")).to_have_text(re.compile(r"now|[0-9]+ s ago"))
    page.clock.run_for(65_000)
    expect(page.locator("#asof .ago")).to_have_text(re.compile(r"1 min [0-9]+ s ago"))
