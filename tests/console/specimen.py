"""Specimen: an application with a page that uses every macro, for a person who is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.fernet import Fernet
from flask import Flask, Response, g, request
from jinja2 import ChoiceLoader, FileSystemLoader

from app import config, create_app
from app.console import forms
from app.console.rendering import page
from app.errors import Conflict, InvalidMember, NotFound, RateLimited, Unavailable

STATES = (
    "claimed", "taken", "waiting", "running", "succeeded", "failed", "cancelled", "dead", "paused",
    "active",
)  # fmt: skip
INSTANT = datetime(2026, 11, 22, 9, 15, tzinfo=UTC)
ERRORS = {
    "not-found": NotFound("There is no job of this id."),
    "rate": RateLimited("Too many requests.", retry_after=7, remedy="Wait."),
    "unavailable": Unavailable("The database cannot be reached."),
    "defect": ZeroDivisionError("secret detail"),
}


@dataclass(frozen=True, kw_only=True)
class Person:
    """A person who is signed in."""

    email: str = "ada@example.com"
    account_name: str = "acme"
    zone: str = "Europe/Berlin"
    hours: int = 24
    operator: bool = False

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)


def make(home: Path, person: Person | None = None, **further: str) -> Flask:
    """The application; its database is never reached."""
    app = create_app(
        config.load(
            {
                "WAKECALL_HOME": str(home),
                "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
                "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
                **further,
            }
        )
    )
    folder = FileSystemLoader(Path(__file__).with_name("templates"))
    assert app.jinja_env.loader is not None
    app.jinja_env.loader = ChoiceLoader([app.jinja_env.loader, folder])
    app.before_request(lambda: g.setdefault("viewer", person or Person()) and None)
    app.add_url_rule("/console/specimen", view_func=specimen, methods=["GET", "POST"])
    app.add_url_rule("/console/specimen/<name>", view_func=failing)
    return app


def specimen() -> Response:
    """The page; a POST shows the form refused."""
    form = forms.Form(values={"url": "x", "q": "", "state": "failed"})
    if request.method == "POST":
        error = InvalidMember("[0].url", "The URL <x> has no scheme.", remedy="Begin with https.")
        form = forms.refused(error, request.form)
        if request.form.get("how") == "conflict":
            form = forms.refused(Conflict("It exists."), request.form)
    return page("specimen.html", form=form, states=STATES, changed=False, instant=INSTANT)


def failing(name: str) -> Response:
    """A page that fails."""
    raise ERRORS[name]
