"""Site: axe finds nothing on any page, empty or full, in either theme, wide or narrow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from app.console.navigation import GROUPS
from tests.browser import site as sites
from tests.browser.axe import violations
from tests.browser.chromium import Watched, without_overflow
from tests.browser.site import EMPTY, FULL, Site
from tests.servers import Databases, database_name

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def site(databases: Databases) -> Iterator[Site]:
    database = databases.fresh()
    with sites.running(database) as found:
        yield found
    databases.drop(database_name(database))


def problems_of(page: Page, path: str) -> list[str]:
    """What is wrong with a page, in words."""
    answer = page.goto(path)
    assert answer is not None
    found = [] if answer.ok else [f"status {answer.status}"]
    return [f"{path}: {each}" for each in (*found, *violations(page), *without_overflow(page))]


def test_every_page_of_the_navigation_is_looked_at(site: Site) -> None:
    wanted = {f"/console{each.path}" for group in GROUPS.values() for each in group}
    assert wanted - set(sites.paths(site, FULL)) == set()


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("account", [FULL, EMPTY])
def test_every_page_is_for_everyone(
    site: Site, browser: Browser, account: str, theme: str, width: int
) -> None:
    context = site.open(
        browser,
        account,
        color_scheme=theme,
        viewport={"width": width, "height": 900},
        reduced_motion="reduce",
    )
    watched = Watched(context, site.url)
    watched.expects_failures = True
    page = context.new_page()
    found = [each for path in sites.paths(site, account) for each in problems_of(page, path)]
    context.close()

    assert found == []
    watched.check()


@pytest.mark.parametrize("account", [FULL, EMPTY])
def test_the_narrowest_phone_shows_every_page(site: Site, browser: Browser, account: str) -> None:
    context = site.open(browser, account, viewport={"width": 320, "height": 640})
    page = context.new_page()
    found = []
    for path in sites.paths(site, account):
        page.goto(path)
        found += without_overflow(page)
    context.close()

    assert found == []
