"""Factory: assembles the web application from all its parts."""

from __future__ import annotations

import os
from http import HTTPStatus

from flask import Flask, Response, g

from app import (
    account_commands,
    commands,
    console,
    docs_site,
    people_commands,
    random_ids,
    secret_commands,
)
from app.api import (
    acting,
    bodies,
    browsers,
    caching,
    callback_depth,
    context,
    dialects,
    direct_bookings,
    health,
    path_prefix,
    problems,
    rate,
    refusals,
    refused_keys,
)
from app.api.dapr import commands as dapr_commands
from app.api.dapr import dialect as dapr_dialect
from app.api.dapr import routes as dapr
from app.api.fusion import commands as fusion_commands
from app.api.fusion import dialect as fusion_dialect
from app.api.fusion import routes as fusion
from app.api.idempotency import Application
from app.api.native import dialect as native_dialect
from app.api.native import routes as native
from app.api.openapi import routes as openapi
from app.api.references import references
from app.config import Settings, load
from app.service import context as use_cases
from app.store import engine, migrating

dialects.register(native_dialect.DIALECT, dapr_dialect.DIALECT, fusion_dialect.DIALECT)


def assemble(settings: Settings | None = None) -> Flask:
    """Assemble the web application; raises Misconfigured.

    The settings are read from the environment unless they are given.
    """
    if settings is None:
        settings = load(os.environ)
    app = Application("app", static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    context.install(app, use_cases.create(settings, engine.init(app, settings)))
    migrating.install(app)
    problems.install(app)
    rate.install(app, settings)
    refused_keys.install(app, settings)
    acting.install(app)
    app.before_request(_name)
    app.before_request(bodies.check_target)
    app.before_request(browsers.refuse_other_sites)
    refusals.install(app)
    direct_bookings.install(app)
    callback_depth.install(app)
    app.after_request(_mark)
    path_prefix.install(app, settings)
    native.install(app)
    dapr.install(app)
    fusion.install(app)
    health.install(app, settings)
    app.register_blueprint(references)
    openapi.install(app)
    console.install(app)
    docs_site.install(app, settings)
    commands.install(app)
    account_commands.install()
    secret_commands.install()
    people_commands.install(app)
    dapr_commands.install(app)
    fusion_commands.install(app)
    return app


def _name() -> None:
    """Give the request the id that a log line about its failure has."""
    g.request_id = random_ids.request_id()


def _mark(response: Response) -> Response:
    """Set the headers of every response. The id is one, so that equal errors have equal bodies."""
    caching.mark(response)
    response.headers.update(caching.SAFE)
    response.headers["X-Request-Id"] = g.request_id
    if response.status_code == HTTPStatus.NO_CONTENT:
        response.headers.pop("Content-Type", None)
    return response
