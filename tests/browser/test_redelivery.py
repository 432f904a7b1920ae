"""Redelivery in a browser: goes on by itself step by step, but never by an address alone."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import site as sites
from tests.browser.chromium import Watched
from tests.browser.site import FULL, Site
from tests.factories import connect, one
from tests.servers import Databases, database_name

RUNS = 1200
ADD = """
WITH made AS (
  INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, attempts,
                   settled_at)
  SELECT gen_random_uuid(), gen_random_uuid(), id, 1, 'manual', now() - n * interval '1 s', 0,
         'failed', 1, now()
  FROM account, generate_series(1, %s) n WHERE name = %s
  RETURNING job_id, account_id)
INSERT INTO superseded (job_id, version, url, account_id)
SELECT job_id, 1, 'http://127.0.0.1:2/', account_id FROM made
"""
MATCHING = "/console/runs?state=failed&kind=manual"


@pytest.fixture
def stored(databases: Databases) -> Iterator[tuple[Site, psycopg.Connection]]:
    """A site whose account has RUNS failed runs more, and its database."""
    database = databases.fresh()
    with sites.running(database) as site, connect(database) as connection:
        connection.execute("DELETE FROM inflight")
        connection.execute(ADD, (RUNS, FULL))
        yield site, connection
    databases.drop(database_name(database))


@pytest.fixture
def page(stored: tuple[Site, psycopg.Connection], browser: Browser) -> Iterator[Page]:
    context = stored[0].open(browser, FULL)
    watched = Watched(context, stored[0].url)
    yield context.new_page()
    context.close()
    watched.check()


def ask(page: Page) -> None:
    """Count the runs that match, from the list."""
    page.goto(MATCHING)
    page.get_by_role("link", name="Redeliver all that match").click()
    expect(page.locator(".figure b").first).to_have_text("1,200")


def test_all_that_match_are_sent_without_further_presses(
    stored: tuple[Site, psycopg.Connection], page: Page
) -> None:
    ask(page)
    page.get_by_role("button", name="Redeliver 1,200 runs").click()
    expect(page.locator(".panel p[role=status]")).to_have_text("1,200 of 1,200 runs sent again.")
    expect(page.get_by_role("link", name="Back to the runs")).to_be_visible()
    assert one(stored[1], "SELECT count(*) FROM inflight") == RUNS
    assert page.evaluate("sessionStorage.length") == 0


def test_an_address_alone_sends_nothing_and_a_press_goes_on(
    stored: tuple[Site, psycopg.Connection], page: Page
) -> None:
    # Without a pause, a slow machine sends the next step before the page is closed.
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    ask(page)
    page.get_by_role("button", name="Redeliver 1,200 runs").click()
    page.wait_for_url("**/console/runs/redelivery?**")
    address = page.url
    other = page.context.new_page()
    other.clock.install()
    page.close()
    other.goto(address)
    other.clock.run_for(60_000)
    assert other.url == address
    assert one(stored[1], "SELECT count(*) FROM inflight") == 500

    other.get_by_role("button", name="Continue").click()
    other.wait_for_url(lambda url: url != address)
    other.reload()
    other.clock.run_for(1_000)
    expect(other.locator(".panel p[role=status]")).to_contain_text("1,200 of 1,200")
