"""Tables of processes: heartbeats, counters (`tally`), and the trusted clock."""

from __future__ import annotations

from sqlalchemy import Column, Double, SmallInteger, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from app.store.tables.columns import INSTANT, METADATA

heartbeat = Table(
    "heartbeat",
    METADATA,
    Column("process", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("beaten_at", INSTANT, nullable=False),
    Column("held", JSONB),
)

tally = Table(
    "tally",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("label", Text, primary_key=True),
    Column("total", Double, nullable=False),
)

database_clock = Table(
    "database_clock",
    METADATA,
    Column("id", SmallInteger, primary_key=True, server_default=text("1")),
    Column("trusted_at", INSTANT, nullable=False),
    Column("seen_at", INSTANT, nullable=False),
)
