"""Scripts: keys that act on rows and lead to neighbours, failures in the title, and the zone."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app.domain import token as tokens
from tests.browser import site as sites
from tests.browser.axe import violations
from tests.browser.chromium import Watched, asked_from_now, without_overflow
from tests.browser.site import EMPTY, FULL, Site
from tests.factories import connect, one
from tests.servers import Databases, database_name

FAILED = """
INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, attempts,
                 settled_at)
SELECT gen_random_uuid(), gen_random_uuid(), id, 1, 'scheduled', now(), 0, 'failed', 1,
       now() + interval '1 s'
FROM account WHERE name = %s
"""
INVITED = "INSERT INTO invitation (digest, expires_at) VALUES (%s, now() + interval '1 day')"
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
def connection(database: str) -> Iterator[psycopg.Connection]:
    """A connection that commits each statement."""
    with connect(database) as opened:
        yield opened


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


@pytest.mark.parametrize("way", ["a double click", "a key that is held", "a key on a row"])
def test_a_form_is_sent_once_however_often_its_button_is_pressed(page: Page, way: str) -> None:
    page.goto(JOBS)
    page.keyboard.press("j")
    if way != "a key on a row":
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Call now")).to_be_visible()
    sent: list[str] = []
    page.on("request", lambda each: sent.append(each.url) if each.method == "POST" else None)
    if way == "a double click":
        page.get_by_role("button", name="Call now").dblclick()
    else:
        # Each further one is a repetition of the first.
        for _ in range(4):
            page.keyboard.down("f")
        page.keyboard.up("f")
    expect(page.locator(".notice")).to_contain_text("The job is being called")
    assert len(sent) == 1


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


def set_hidden(page: Page, hidden: str) -> None:
    page.evaluate(
        f"Object.defineProperty(document, 'hidden', {{configurable: true, get: () => {hidden}}});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )


def test_a_hidden_tab_shows_that_runs_failed(
    site: Site, browser: Browser, connection: psycopg.Connection
) -> None:
    opened = site.open(browser, EMPTY)
    watched = Watched(opened, site.url)
    page = opened.new_page()
    page.clock.install()
    page.goto("/console/keys")
    title, icon = page.title(), page.locator("#favicon").get_attribute("href")
    set_hidden(page, "true")
    connection.execute(FAILED, ["fresh"])
    connection.execute(FAILED, ["acme"])
    asked = asked_from_now(page)

    page.clock.run_for(59_000)
    assert asked == []
    with page.expect_response("**/console/failures?*"):
        page.clock.run_for(2_000)
    page.wait_for_function("document.title.startsWith('(1 failed) ')")
    assert "icon-failed" in (page.locator("#favicon").get_attribute("href") or "")
    set_hidden(page, "false")
    link = page.locator("#failures")
    expect(link).to_have_text("1 failed since you last looked")
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert violations(page) == []
    assert without_overflow(page) == []

    set_hidden(page, "true")
    assert page.title() == title
    assert page.locator("#favicon").get_attribute("href") == icon
    set_hidden(page, "false")
    expect(link).to_be_hidden()
    opened.close()
    watched.check()


def test_a_new_user_has_the_time_zone_of_the_browser(
    site: Site, browser: Browser, connection: psycopg.Connection
) -> None:
    for number, (zone, scripts) in enumerate((("America/New_York", True), ("Asia/Tokyo", False))):
        invited = tokens.new()
        connection.execute(INVITED, [invited.digest])
        opened = browser.new_context(
            base_url=site.url, timezone_id=zone, java_script_enabled=scripts
        )
        watched = Watched(opened, site.url)
        page = opened.new_page()
        page.goto(f"/console/join/{invited.text}")
        page.get_by_label("E-mail").fill(f"new-{number}@example.com")
        page.get_by_label("Password").fill("correct horse battery")
        page.get_by_label("Account name").fill(f"new-{number}")
        page.get_by_role("button", name="Create account").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Your first call")
        opened.close()
        watched.check()
    query = "SELECT string_agg(zone, ' ' ORDER BY email) FROM web_user WHERE email LIKE 'new-%%'"
    assert one(connection, query) == "America/New_York UTC"
