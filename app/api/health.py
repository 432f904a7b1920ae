"""Health: whether this process and Wakecall as a whole can work, and the figures they publish."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

import orjson
from flask import Blueprint, Response

from app.api.negotiation import JSON
from app.service import health as service

health: Final = Blueprint("health", __name__)


@health.get("/healthz")
def process() -> Response:
    """200 while this process answers at all; touches nothing else."""
    return Response(b'{"status":"ok"}', content_type=JSON)


@health.get("/readyz")
def ready() -> Response:
    """200 once everything needed to fire is there, else 503; each part by its name."""
    found = service.readiness()
    return Response(orjson.dumps(asdict(found)), 200 if found.ready else 503, content_type=JSON)


@health.get("/metrics")
def metrics() -> Response:
    """The figures of all processes, in Prometheus text form."""
    return Response(service.metrics(), content_type=service.METRICS_TYPE)
