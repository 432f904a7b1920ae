"""Tables of usage: how much of each limit accounts use."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, ForeignKey, Index, Integer, Table, text

from app.store.tables.columns import INSTANT, METADATA, NOW

usage = Table(
    "usage",
    METADATA,
    Column(
        "account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("jobs_limit", BigInteger),
    Column("bytes_limit", BigInteger),
    Column("answers_limit", BigInteger),
    Column("first_slot", Integer, nullable=False, server_default=text("0")),
    Column("recounted_at", INSTANT, nullable=False, server_default=NOW),
)

usage_slot = Table(
    "usage_slot",
    METADATA,
    Column(
        "account_id", BigInteger, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("slot", Integer, primary_key=True),
    Column("booked", Integer, nullable=False, server_default=text("0")),
    Column("jobs", BigInteger, nullable=False, server_default=text("0")),
    Column("bytes", BigInteger, nullable=False, server_default=text("0")),
    Column("answers", BigInteger, nullable=False, server_default=text("0")),
    Column("jobs_quota", BigInteger, nullable=False, server_default=text("4503599627370496")),
    Column("bytes_quota", BigInteger, nullable=False, server_default=text("4503599627370496")),
    Column("answers_quota", BigInteger, nullable=False, server_default=text("4503599627370496")),
)

usage_release = Table(
    "usage_release",
    METADATA,
    Column("account_id", BigInteger, nullable=False),
    Column("jobs", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("answers", BigInteger, nullable=False, server_default=text("0")),
    Index("usage_release_account", "account_id"),
)

firing_pace = Table(
    "firing_pace",
    METADATA,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("spent_until", INSTANT, nullable=False),
    Column("queued_until", INSTANT, nullable=False),
    Column("begun", BigInteger, nullable=False, server_default=text("0")),
)

runs_under_way = Table(
    "runs_under_way",
    METADATA,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("runs", Integer, nullable=False),
    Column("begun", BigInteger, nullable=False, server_default=text("0")),
)

history_usage = Table(
    "history_usage",
    METADATA,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("day", Date, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
)
