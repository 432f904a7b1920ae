"""One browser and one server for all tests of this folder; a browser context for each test."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from playwright.sync_api import Browser, Page

from tests.api.server import serving
from tests.browser import chromium
from tests.browser.chromium import Watched

Open = Callable[..., Page]
HERE = Path(__file__).parent
HANGS_S = 400


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if chromium.find() is None:
        left_out = pytest.mark.skip(reason=chromium.LEFT_OUT)
        for each in items:
            if HERE in each.path.parents:
                each.add_marker(left_out)


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    """Fail a test whose browser never answers, for which Playwright would wait without end."""

    def give_up(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(HANGS_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    # While it is open, this thread has a running event loop: so not longer than these tests.
    with chromium.launched() as opened:
        yield opened


class Specimen:
    """The specimen in a server process of its own; what it shows is changed by `show`."""

    def __init__(self, url: str, state: Path) -> None:
        self.url = url
        self._state = state

    def show(self, **state: Any) -> None:
        """Show the `rows` of these names.

        `status` is what every request of the page is answered with, and `account` the account of
        the person who is signed in then.
        """
        fresh = self._state.with_suffix(".new")
        fresh.write_text(json.dumps(state))
        fresh.replace(self._state)


@pytest.fixture(scope="package")
def specimen_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Specimen]:
    home = tmp_path_factory.mktemp("specimen")
    state = home / "state.json"
    environ = {
        "WAKECALL_HOME": str(home),
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
        "SPECIMEN": str(state),
    }
    with serving(environ, "tests.browser.specimen_app:asgi") as web:
        yield Specimen(f"http://127.0.0.1:{web.port}", state)


@pytest.fixture
def specimen(specimen_server: Specimen) -> Specimen:
    specimen_server.show(rows=["a", "b", "c"])
    return specimen_server


@pytest.fixture
def watched() -> list[Watched]:
    """What watches the contexts of this test."""
    return []


@pytest.fixture
def open_page(
    specimen_server: Specimen, browser: Browser, specimen: Specimen, watched: list[Watched]
) -> Iterator[Open]:
    """Opens a page in a context of its own, and fails the test for what must not happen there."""
    contexts = []

    def open_it(path: str = "/console/specimen", **options: Any) -> Page:
        context = browser.new_context(base_url=specimen.url, **options)
        contexts.append(context)
        watched.append(Watched(context, specimen.url))
        page = context.new_page()
        page.goto(path)
        return page

    yield open_it
    for each in contexts:
        each.close()
    for watcher in watched:
        watcher.check()
