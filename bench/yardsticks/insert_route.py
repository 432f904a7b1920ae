"""Insert route: a Flask route that stores one row and does nothing else; the limit of a create.

Served like Wakecall's web, with the same ASGI application, engine and session settings.
"""

from __future__ import annotations

import os
from typing import Final
from uuid import UUID

from flask import Flask, Response, current_app, request
from sqlalchemy import DateTime, LargeBinary, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from uuid6 import uuid7

from app.api import web_process
from app.api.asgi import AsgiApp
from app.config import Settings, load
from app.store import engine
from app.store.database import Database

# As wide as a job, with its primary key; no foreign key, no second table or index.
TABLE: Final = """
CREATE TABLE IF NOT EXISTS yardstick (
  id uuid PRIMARY KEY, account_id bigint NOT NULL, version integer NOT NULL, url text NOT NULL,
  content_type text, data bytea, trigger jsonb NOT NULL, enabled boolean NOT NULL,
  next_at timestamptz, created_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""

_INSERT: Final = text("""
INSERT INTO yardstick (id, account_id, version, url, content_type, data, trigger, enabled, next_at)
VALUES (:id, 1, 1, :url, :content_type, :data, :trigger, true, :next_at)
""").bindparams(
    bindparam("id", type_=Uuid),
    bindparam("data", type_=LargeBinary),
    bindparam("trigger", type_=JSONB),
    bindparam("next_at", type_=DateTime(timezone=True)),
)


def create_app(settings: Settings) -> Flask:
    """The application with its one route."""
    made = Flask(__name__, static_folder=None)
    made.extensions["database"] = engine.init(made, settings)
    made.add_url_rule("/insert", view_func=_insert, methods=["POST"])
    made.add_url_rule("/readyz", view_func=lambda: Response(status=200), methods=["GET"])
    return made


def _insert() -> Response:
    row_id = UUID(int=uuid7().int)
    database: Database = current_app.extensions["database"]
    with database.statement() as connection:
        connection.execute(
            _INSERT,
            {
                "id": row_id,
                "url": "http://127.0.1.1:9000/wake",
                "content_type": "application/json",
                "data": request.get_data(),
                "trigger": {"kind": "at", "at": "2040-01-01T00:00:00Z"},
                "next_at": "2040-01-01T00:00:00+00:00",
            },
        )
    return Response(f"{row_id}", 201, content_type="text/plain; charset=utf-8")


async def _begin() -> None:
    web_process.start("info")


if "DATABASE_URL" in os.environ:
    asgi = AsgiApp(create_app(load(os.environ)), begin=_begin)
