"""Site: a web server with two accounts, one that has been in use and one that is empty."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from cryptography.fernet import Fernet
from playwright.sync_api import Browser, BrowserContext

from app import config, create_app
from app.api.context import context_of
from app.service import accounts
from app.store.engine import db
from tests.api.server import serving
from tests.browser.seeds import Seeded, fill
from tests.console.people import signed_in_as
from tests.factories import connect

FULL: Final = "acme"
EMPTY: Final = "fresh"


@dataclass(frozen=True, kw_only=True)
class Site:
    """A running web server, with the sessions of a member of each account."""

    url: str
    tokens: Mapping[str, str]
    """The token in the session's cookie, by account."""
    seeded: Seeded

    def open(self, browser: Browser, account: str, **options: object) -> BrowserContext:
        """A browser context that is signed in to an account."""
        context = browser.new_context(base_url=self.url, **options)  # type: ignore[arg-type] # as Playwright names them
        context.add_cookies([{"name": "wakecall", "value": self.tokens[account], "url": self.url}])
        return context

    def path(self, pattern: str) -> str:
        """A path with ids of what is stored in place of {job}, {run}, {failed_run}, {inbox}."""
        return pattern.format(**vars(self.seeded))


@contextmanager
def running(database: str) -> Iterator[Site]:
    """Serve an empty, migrated database."""
    with tempfile.TemporaryDirectory() as home:
        environ = {
            "WAKECALL_HOME": home,
            "DATABASE_URL": database,
            "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
            "WAKECALL_RATE_LIMIT": "off",
            "WAKECALL_ALLOW_TARGETS": "127.0.0.0/8",
        }
        tokens, seeded = _store(environ)
        with serving(environ) as web:
            yield Site(url=f"http://127.0.0.1:{web.port}", tokens=tokens, seeded=seeded)


def _store(environ: Mapping[str, str]) -> tuple[dict[str, str], Seeded]:
    app = create_app(config.load(environ))
    tokens = {}
    try:
        with app.app_context():
            keys = {name: accounts.create(context_of(app), name) for name in (FULL, EMPTY)}
        for name, email in ((FULL, "owner@acme.example"), (EMPTY, "owner@fresh.example")):
            tokens[name] = signed_in_as(app, email, name).token
        with connect(environ["DATABASE_URL"]) as connection:
            connection.execute("UPDATE web_user SET zone = 'Europe/Berlin'")
            connection.execute(
                "UPDATE web_user SET operator = true WHERE email = 'owner@acme.example'"
            )
            seeded = fill(app, connection, FULL, keys[FULL])
    finally:
        with app.app_context():
            db.engine.dispose()
    return tokens, seeded


def paths(site: Site, account: str) -> list[str]:
    """The pages of an account: those in the navigation, and of one job and one run."""
    found = [f"/console{each}" for each in PAGES]
    of_one = [site.path(f"/console{each}") for each in OF_ONE] if account == FULL else []
    return [*found, *of_one]


PAGES: Final = (
    *("/", "/jobs", "/jobs/new", "/runs", "/upcoming", "/inbox", "/preview", "/start"),
    *("/keys", "/secrets", "/endpoints", "/members", "/audit", "/account", "/find"),
)
OF_ONE: Final = (
    "/jobs/{job}",
    "/jobs/{job}/edit",
    "/runs/{run}",
    "/runs/{failed_run}",
    "/inbox/{inbox}",
    "/admin",
    "/inbox/{inbox}/calls/2",
)
OUTSIDE: Final = ("/", "/console/login")
