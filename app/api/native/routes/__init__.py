"""Routes of the native API: each reads a request, calls one use case and renders its result."""

from __future__ import annotations

from typing import Final

from flask import Flask

from app.api import direct_bookings, previews
from app.api.native.documents import preview as preview_document
from app.api.native.routes import (
    account,
    attention,
    audit,
    completion,
    dapr_apps,
    direct,
    fusion_runners,
    inboxes,
    job_list,
    jobs,
    jobs_by_name,
    keys,
    preview,
    run_counts,
    runs,
    schemas,
    upcoming,
)
from app.api.native.routes.blueprint import native
from app.api.native.routes.received_path import BookingPathConverter, JobNameConverter

ROUTES: Final = (
    account,
    attention,
    audit,
    completion,
    dapr_apps,
    fusion_runners,
    inboxes,
    job_list,
    jobs,
    jobs_by_name,
    keys,
    preview,
    run_counts,
    runs,
    upcoming,
)
"""The modules whose import adds their routes to the blueprint."""


def install(app: Flask) -> None:
    """Offer the native API in this application."""
    app.url_map.converters["booking_path"] = BookingPathConverter
    app.url_map.converters["job_name"] = JobNameConverter
    app.register_blueprint(native)
    app.register_blueprint(schemas.schemas)
    previews.offer(app, preview_document.PREVIEWER)
    direct_bookings.offer(app, direct.covers, direct.read)
    direct_bookings.offer(app, direct.covers_path, direct.read_path, further=direct.FIELDS)
