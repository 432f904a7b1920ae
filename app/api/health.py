"""Health: the routes for liveness, readiness and metrics.

The ASGI application answers these requests itself, from the latest reading of a background thread.
So they wait neither for a database that does not answer nor for requests that hang. The routes
are for other WSGI servers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import orjson
from flask import Flask, Response, request

from app import log
from app.api import refused_keys
from app.api.context import context_of, current_context
from app.api.negotiation import JSON
from app.api.parameters import takes
from app.api.scopes import needs_no_key
from app.api.wsgi_bridge import WsgiResponse
from app.config import Settings
from app.errors import Unavailable
from app.service import health as service
from app.service.health import Readiness
from app.service.health_watch import HealthWatch

PROCESS: Final = "/healthz"
READY: Final = "/readyz"
METRICS: Final = "/metrics"
_ALL: Final = "all"
_NO: Final = "false"

_FIELDS: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
_ALIVE: Final = b'{"status":"ok"}'

MAX_QUERY: Final = 1024
"""Longer queries are not parsed: the ASGI application parses them before it applies any limit."""


def install(app: Flask, settings: Settings) -> None:
    """Add the routes; the one for metrics only if metrics have no separate port."""
    app.add_url_rule(PROCESS, view_func=process, methods=["GET"])
    app.add_url_rule(READY, view_func=ready, methods=["GET"])
    if settings.admin_port is None:
        app.add_url_rule(METRICS, view_func=metrics, methods=["GET"])


def watch_of(app: Flask) -> HealthWatch:
    """Return the watch of a process that answers requests with keys.

    It also stores what the process has counted, and which keys it has seen.
    """
    context, refused = context_of(app), refused_keys.refused_keys_of(app)
    return HealthWatch(
        context.settings,
        lambda: {**refused.take_counts(), **log.take_dropped()},
        write=context.key_use.store,
    )


async def stop_watch(app: Flask, watch: HealthWatch) -> None:
    """Store what was counted and seen since the last time, at the orderly end of the process."""
    context_of(app).key_use.end()
    await asyncio.to_thread(watch.stop)


@needs_no_key
@takes(ignoring=True)
def process() -> Response:
    """Answer 200 as long as this process runs; uses nothing else."""
    return Response(_ALIVE, content_type=JSON)


@needs_no_key
@takes(_ALL, ignoring=True)
def ready() -> Response:
    """Answer 200 if bookings can be stored and, with `all`, calls are made; else 503."""
    status, body = _readiness(
        service.readiness(current_context()), request.query_string.decode(errors="replace")
    )
    return Response(body, status, content_type=JSON)


@needs_no_key
@takes(ignoring=True)
def metrics() -> Response:
    """Return the metrics of all processes, in the Prometheus text format."""
    return Response(service.metrics(current_context()), content_type=service.METRICS_TYPE)


class QuickAnswers:
    """Answers the same requests without a thread, for the ASGI application."""

    def __init__(self, watch: HealthWatch, *, with_metrics: bool, path_prefix: str) -> None:
        self._watch = watch
        self._with_metrics = with_metrics
        self._stale = _stale(path_prefix)

    def answer(self, environ: Mapping[str, Any]) -> WsgiResponse | None:
        """Return the response to a request for health or metrics; None for any other request."""
        path = environ["PATH_INFO"]
        if path not in {PROCESS, READY, METRICS} or environ["REQUEST_METHOD"] not in {
            "GET",
            "HEAD",
        }:
            return None
        if path == METRICS and not self._with_metrics:
            return None
        status, media_type, body = self._found(path, environ.get("QUERY_STRING", ""))
        fields = [*_FIELDS, (b"content-type", media_type.encode())]
        fields.append((b"content-length", str(len(body)).encode()))
        if body is self._stale:
            fields.append((b"retry-after", b"1"))
        if environ["REQUEST_METHOD"] == "HEAD":
            body = b""
        return WsgiResponse(status=status, headers=fields, start=body, rest=None)

    def _found(self, path: str, query: str) -> tuple[int, str, bytes]:
        if path == PROCESS:
            return 200, JSON, _ALIVE
        if path == READY:
            status, body = _readiness(self._watch.readiness(), query)
            return status, JSON, body
        figures = self._watch.metrics()
        if figures is None:
            return 503, "application/problem+json", self._stale
        return 200, service.METRICS_TYPE, figures


def asks_about_all(query: str) -> bool:
    """Whether the query of READY asks about all processes, as any `all` does except `all=false`.

    A query of more than MAX_QUERY characters, which is not parsed, asks about all processes too.
    """
    if len(query) > MAX_QUERY:
        return True
    return parse_qs(query, keep_blank_values=True).get(_ALL, [_NO]) != [_NO]


def _stale(path_prefix: str) -> bytes:
    """Return the problem that is sent if the metrics are too old."""
    problem = {
        "type": f"{path_prefix}/problems/{Unavailable.code}",
        "title": "Temporarily unavailable",
        "status": 503,
        "detail": "The database cannot be reached. Try again shortly.",
    }
    return orjson.dumps(problem, option=orjson.OPT_INDENT_2)


def _readiness(found: Readiness, query: str) -> tuple[int, bytes]:
    """Return the status and the body of a response to READY."""
    about_all = asks_about_all(query)
    is_ready = found.everything if about_all else found.database
    parts: dict[str, bool | str] = {
        "ready": is_ready,
        "database": found.database,
        "scheduler": found.scheduler,
        "worker": found.worker,
        "redis": found.redis,
    }
    if not is_ready:
        parts["reason"] = found.obstacle or found.silence
    return 200 if is_ready else 503, orjson.dumps(parts)
