"""Palette and times on the pages of the site: what keys find, and what a person far away sees."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import site as sites
from tests.browser.chromium import Watched
from tests.browser.site import FULL, Site
from tests.servers import Databases, database_name

ABSOLUTE = re.compile(r"[A-Z][a-z]{2} [0-9]{1,2} .*?(?:UTC|[+-][0-9:]{5})")


@pytest.fixture(scope="module")
def site(databases: Databases) -> Iterator[Site]:
    database = databases.fresh()
    with sites.running(database) as found:
        yield found
    databases.drop(database_name(database))


@pytest.fixture
def page(site: Site, browser: Browser) -> Iterator[Page]:
    context = site.open(browser, FULL, timezone_id="America/New_York")
    watched = Watched(context, site.url)
    yield context.new_page()
    context.close()
    watched.check()


def test_a_job_is_found_and_opened_by_keys_alone(page: Page, site: Site) -> None:
    page.goto("/console/runs")
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Page, job or id")
    expect(field).to_be_focused()
    field.fill("nightly-inv")
    expect(page.locator("#options a")).to_have_text(["nightly-invoices job"])
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/console/jobs/{site.seeded.job}")


def test_arrows_choose_among_the_pages_and_escape_closes(page: Page) -> None:
    page.goto("/console/runs")
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Page, job or id")
    first, second = page.locator("#options a").nth(0), page.locator("#options a").nth(1)
    expect(first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(second).to_have_attribute("aria-selected", "true")
    assert field.get_attribute("aria-activedescendant") == second.get_attribute("id")
    page.keyboard.press("Escape")
    expect(field).to_be_hidden()


def test_an_id_that_nothing_has_matches_nothing(page: Page) -> None:
    page.goto("/console/runs")
    page.get_by_role("link", name="Find").click()
    page.get_by_role("combobox", name="Page, job or id").fill(
        "00000000-0000-0000-0000-000000000000"
    )
    expect(page.locator("#options")).to_have_text("No results.")


def test_keys_go_to_pages_and_to_a_row(page: Page) -> None:
    page.goto("/console/runs")
    for keys, path in (("gj", "jobs"), ("gu", "upcoming"), ("go", ""), ("gr", "runs")):
        for key in keys:
            page.keyboard.press(key)
        page.wait_for_url(f"**/console/{path}")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/runs/*")


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu", "UTC"])
def test_times_are_in_the_person_s_zone_whatever_the_browser_s_is(
    site: Site, browser: Browser, zone: str
) -> None:
    texts = {}
    for shown_in in (zone, "Europe/Berlin"):
        context = site.open(browser, FULL, timezone_id=shown_in)
        opened = context.new_page()
        opened.clock.install()
        opened.goto(f"/console/jobs/{site.seeded.job}")
        opened.clock.run_for(30_000)
        found = opened.locator("main time:not(.off, #stamp)").all_text_contents()
        texts[shown_in] = [ABSOLUTE.findall(each) for each in found]
        context.close()

    assert texts[zone] == texts["Europe/Berlin"]
    assert any(each and each[0].endswith("+01:00") for each in texts[zone])


def test_the_zone_of_the_job_is_one_of_the_zones(page: Page, site: Site) -> None:
    page.goto(f"/console/jobs/{site.seeded.job}")
    page.keyboard.press("z")
    expect(page.locator("#stamp")).to_contain_text("UTC")
