"""The web process, made to die at the point that the header X-Die names."""

from __future__ import annotations

import os
import signal

from flask import Response, request
from sqlalchemy import Connection

from app.api.asgi import AsgiApp
from app.store import idempotency
from app.store.idempotency import StoredAnswer
from wsgi import app

_keep = idempotency.keep


def _die_at(point: str) -> None:
    if request.headers.get("X-Die") == point:
        os.kill(os.getpid(), signal.SIGKILL)


def _dying_keep(connection: Connection, account_id: int, key: str, answer: StoredAnswer) -> None:
    _die_at("before-keeping")
    _keep(connection, account_id, key, answer)
    _die_at("before-commit")


@app.after_request
def _after(response: Response) -> Response:
    _die_at("before-answering")
    return response


idempotency.keep = _dying_keep
asgi = AsgiApp(app)
