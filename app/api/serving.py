"""Serving: assembles the web process from ASGI application, health watch and admin port."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from flask import Flask

from app import log
from app.api import health, web_process
from app.api.admin import AdminPort
from app.api.asgi import AsgiApp
from app.api.context import context_of
from app.api.direct_bookings import DirectBookings
from app.api.downloads import SEND_S
from app.api.health import QuickAnswers
from app.api.inbox_calls import InboxCalls
from app.api.uploads import BODY_S
from app.api.wsgi_bridge import Message, WsgiResponse
from app.config import Settings
from app.service.inbox_reception import Reception

Quick = Callable[[Message], WsgiResponse | None]
_QUICK: Final = "wakecall.quick"
_READING: Final = frozenset({"GET", "HEAD"})
"""The methods of the requests that need no thread."""


def add_quick(app: Flask, answer: Quick) -> None:
    """Let `answer` answer the requests that need no thread; it returns None for all others."""
    app.extensions.setdefault(_QUICK, []).append(answer)


def asgi_app(app: Flask, *, body_s: float = BODY_S, send_s: float = SEND_S) -> AsgiApp:
    """Create the ASGI application of the web process, with these deadlines in seconds."""
    context = context_of(app)
    settings: Settings = context.settings
    watch = health.watch_of(app)
    answers_with = partial(QuickAnswers, watch, path_prefix=settings.path_prefix)
    admin = None
    if settings.admin_port is not None:
        answers = answers_with(with_metrics=True)
        admin = AdminPort(answers, settings.admin_host, settings.admin_port)

    further: list[Quick] = app.extensions.get(_QUICK, [])
    quick = (answers_with(with_metrics=admin is None).answer, *further)

    async def begin() -> None:
        web_process.start(settings.log_level)
        watch.start()
        if admin is not None:
            await admin.start()

    async def end() -> None:
        if admin is not None:
            await admin.stop()
        await health.stop_watch(app, watch)
        log.flush()

    return AsgiApp(
        app,
        begin=begin,
        end=end,
        quick=partial(_answer_quickly, quick),
        body_s=body_s,
        send_s=send_s,
        proxies=settings.proxies,
        niceness=settings.web_nice,
        direct=DirectBookings(app),
        inbox_calls=InboxCalls(Reception(context), path_prefix=settings.path_prefix, body_s=body_s),
    )


def _answer_quickly(quick: Sequence[Quick], environ: Message) -> WsgiResponse | None:
    """Return the response of the first that has one."""
    if environ["REQUEST_METHOD"] not in _READING:
        return None
    return next(filter(None, (each(environ) for each in quick)), None)
