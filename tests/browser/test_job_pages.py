"""Pages of jobs in a browser: what follows a form that is edited, and batches that go on alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app.service import job_selection
from tests.browser import site as sites
from tests.browser.axe import violations
from tests.browser.chromium import Watched
from tests.browser.site import EMPTY, FULL, Site
from tests.factories import connect
from tests.servers import Databases, database_name

ADD = """
WITH made AS (
  INSERT INTO job (id, account_id, version, url, trigger, enabled)
  SELECT ('00000000' || substr(gen_random_uuid()::text, 9))::uuid, a.id, 1, 'https://example.com/',
         '{"kind": "cron", "expression": "0 0 12 * * ?"}', true
  FROM account a CROSS JOIN generate_series(1, %s) WHERE a.name = %s
  RETURNING id, account_id)
INSERT INTO due (job_id, account_id, version, recurring, next_at)
SELECT id, account_id, 1, true, now() + interval '1 day' FROM made
"""


@pytest.fixture(scope="module")
def database(databases: Databases) -> Iterator[str]:
    found = databases.fresh()
    yield found
    databases.drop(database_name(found))


@pytest.fixture(scope="module")
def site(database: str) -> Iterator[Site]:
    with sites.running(database) as found:
        yield found


@pytest.fixture
def context(site: Site, browser: Browser) -> Iterator[BrowserContext]:
    opened = site.open(browser, FULL)
    watched = Watched(opened, site.url)
    yield opened
    opened.close()
    watched.check()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def test_the_form_shows_firings_and_document_while_it_is_edited(page: Page) -> None:
    page.goto("/console/jobs/new")
    beside = page.locator("#beside")
    expect(beside).to_contain_text("once")
    page.get_by_label("Recurring, on a schedule").check()
    page.get_by_label("Cron expression").fill("0 30 2 * * ?")
    page.get_by_label("Time zone").fill("America/New_York")
    expect(beside).to_contain_text("every day at 02:30, America/New_York")
    expect(beside).to_contain_text("02:30 does not exist and is skipped")
    expect(beside.locator("ol li")).to_have_count(5)
    page.get_by_label("Cron expression").fill("0 0/5 * * * ?")
    expect(beside).to_contain_text("fires again after 300 seconds")
    page.get_by_label("URL", exact=True).fill("https://example.com/<b>")
    expect(beside).to_contain_text('"url": "https://example.com/<b>"')
    # The field keeps the focus and what was typed.
    expect(page.get_by_label("URL", exact=True)).to_be_focused()
    assert violations(page) == []


def test_the_preview_follows_its_fields(page: Page) -> None:
    page.goto("/console/preview?dialect=dapr")
    page.locator("#field-schedule").fill("@every 90m")
    expect(page.locator("#previewed")).to_contain_text("every 1 hour 30 minutes")
    page.locator("#field-schedule").fill("@every")
    expect(page.locator("#previewed .fault")).to_be_visible()


def test_a_test_call_is_waited_for_beside_the_form(page: Page) -> None:
    page.goto("/console/jobs/new")
    page.get_by_label("URL", exact=True).fill("https://example.com/")
    page.get_by_role("button", name="Send a test call now").click()
    result = page.locator("#test-result")
    # No worker runs here; the page asks again and again.
    with page.expect_request("**/result"):
        expect(result).to_contain_text("The call is about to be made.")
    with page.expect_request("**/result"):
        pass
    expect(page.get_by_label("URL", exact=True)).to_have_value("https://example.com/")


def test_a_selection_is_made_with_keys_and_paused(page: Page) -> None:
    page.goto("/console/jobs?sort=name&namePrefix=r")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("#jobs input[name=id]:checked")).to_have_count(1)
    page.get_by_role("button", name="Pause…").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Pause 1 job?")
    page.get_by_role("button", name="Pause", exact=True).press("Enter")
    expect(page.locator(".notice")).to_contain_text("1 job was paused.")
    expect(page.locator("#jobs .s-paused")).to_have_count(1)


def test_the_question_before_a_deletion_is_a_dialog(page: Page, site: Site) -> None:
    page.goto(site.path("/console/jobs/{job}"))
    page.get_by_role("link", name="Delete…").click()
    dialog = page.get_by_role("dialog", name="Delete this job?")
    expect(dialog).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("link", name="Delete…")).to_be_focused()


def test_batches_go_on_alone(site: Site, browser: Browser, database: str) -> None:
    number = 2 * job_selection.MAX_AT_ONCE + 10
    with connect(database) as connection:
        connection.execute(ADD, (number, EMPTY))
    opened = site.open(browser, EMPTY)
    watched = Watched(opened, site.url)
    page = opened.new_page()
    page.goto("/console/jobs/selected?action=delete")
    page.get_by_label(f"Type {number} to delete").fill(str(number))
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator(".notice")).to_contain_text(f"{number} jobs were deleted.")
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    assert page.url.endswith("/console/jobs")
    opened.close()
    watched.check()
