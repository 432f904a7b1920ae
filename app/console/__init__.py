"""The web console: pages for people, rendered on the server, below `/console`."""

from __future__ import annotations

from flask import Flask

from app.console import assets, attempts, csrf, errors, rendering, run_elements
from app.console.blueprint import console
from app.console.pages import (
    account,
    admin,
    audit,
    delete_user,
    display,
    endpoints,
    failures,
    find,
    front,
    inbox,
    job,
    job_actions,
    job_form,
    job_selection,
    jobs,
    join,
    keys,
    members,
    overview,
    preview,
    redelivery,
    run,
    runs,
    secrets,
    sign_in,
    start,
    suspension,
    upcoming,
    user_links,
)

__all__ = [
    "account",
    "admin",
    "audit",
    "delete_user",
    "display",
    "endpoints",
    "failures",
    "find",
    "front",
    "inbox",
    "install",
    "job",
    "job_actions",
    "job_form",
    "job_selection",
    "jobs",
    "join",
    "keys",
    "members",
    "overview",
    "preview",
    "redelivery",
    "run",
    "runs",
    "secrets",
    "sign_in",
    "start",
    "suspension",
    "upcoming",
    "user_links",
]


def install(app: Flask) -> None:
    """Serve the console with this application.

    Each module of `app.console.pages` adds its routes to the blueprint when this module imports it.
    """
    rendering.install(app)
    csrf.install(app)
    attempts.install(app)
    errors.install(app)
    assets.install(app)
    run_elements.install(app)
    app.register_blueprint(console)
    front.install(app)
