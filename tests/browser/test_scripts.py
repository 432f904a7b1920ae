"""Keys on lists: one key acts on the job of a row, and leads from a run to its neighbours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import site as sites
from tests.browser.axe import violations
from tests.browser.chromium import Watched, without_overflow
from tests.browser.site import FULL, Site
from tests.servers import Databases, database_name

JOBS = "/console/jobs?sort=name&namePrefix=w"


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


def test_a_job_is_paused_resumed_and_called_from_its_row(page: Page) -> None:
    page.goto(JOBS)
    row = page.locator("#jobs tbody tr").first
    page.keyboard.press("j")
    page.keyboard.press("p")
    expect(page.locator(".notice")).to_contain_text("The job is paused.")
    expect(row.locator(".s-paused")).to_be_visible()
    assert page.url.endswith(JOBS)
    # The cursor is where it was.
    expect(row.locator(".first a")).to_be_focused()
    page.keyboard.press("p")
    expect(page.locator(".notice")).to_contain_text("The job is resumed.")
    expect(row.locator(".s-paused")).to_have_count(0)
    page.keyboard.press("f")
    expect(page.locator(".notice")).to_contain_text("The job is being called")


@pytest.mark.parametrize(
    ("key", "heading"), [("e", "Edit job"), ("d", "New job"), ("Delete", "Delete warm-cache?")]
)
def test_a_key_opens_the_page_of_an_action(page: Page, key: str, heading: str) -> None:
    page.goto(JOBS)
    page.keyboard.press("j")
    page.keyboard.press(key)
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)


def test_no_key_acts_without_a_row_or_while_one_types(page: Page) -> None:
    page.goto(JOBS)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    page.keyboard.press("f")
    expect(page.locator("#announcement")).to_have_text("Choose a row with j or k first")
    page.keyboard.press("j")
    page.keyboard.press("/")
    page.keyboard.type("fped")
    page.keyboard.press("Delete")
    expect(page.locator("#f-name")).to_have_value("fped")
    page.locator("#jobs tbody a").first.focus()
    page.keyboard.press("Control+p")
    assert "POST" not in sent
    assert page.url.endswith(JOBS)
    # The keys are listed, and can be switched off.
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_contain_text("Pause or resume the job of the row")
    assert violations(page) == []
    dialog.get_by_label("Enable single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.locator("#jobs tbody a").first.focus()
    page.keyboard.press("f")
    assert "POST" not in sent
    page.keyboard.press("?")
    dialog.get_by_label("Enable single-key shortcuts").check()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_run_leads_to_its_neighbours_in_the_list(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/console/runs?state=succeeded")
    links = page.locator("table.runs tbody a[href*='/runs/'], table.runs tbody a[href^='runs/']")
    runs = [each.get_attribute("href") or "" for each in links.all()]
    ids = [each.rpartition("/")[2] for each in runs]
    for key in ("j", "j", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#neighbours")).to_contain_text(f"2 of {len(ids)}")
    assert page.url.endswith(ids[1])
    assert violations(page) == []
    assert without_overflow(page) == []

    page.keyboard.press("j")
    expect(page.locator("#neighbours")).to_contain_text("3 of")
    assert page.url.endswith(ids[2])
    for number in (2, 1):
        page.keyboard.press("k")
        expect(page.locator("#neighbours")).to_contain_text(f"{number} of")
    # At the end of the list there is nothing to go to.
    page.keyboard.press("k")
    expect(page.locator("#neighbours")).to_contain_text("1 of")
    page.locator(".crumbs a").click()
    assert page.url.endswith("/console/runs?state=succeeded")


def test_a_run_that_was_opened_otherwise_has_no_neighbours(page: Page, site: Site) -> None:
    page.goto(site.path("/console/runs/{failed_run}"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Run")
    expect(page.locator("#neighbours")).to_have_count(0)
    # There, j goes through the attempts.
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.closest('tr')?.id") == "a-5"
