"""Tables as SQLAlchemy Core sees them; migrations/versions holds their full definitions."""

from __future__ import annotations

from app.store.tables.accounts import (
    account,
    accuracy,
    api_key,
    audit,
    endpoint,
    kept_answer,
    signing_secret,
)
from app.store.tables.inboxes import inbox, inbox_call
from app.store.tables.jobs import due, follow, job, superseded
from app.store.tables.processes import database_clock, heartbeat, tally
from app.store.tables.runs import aborted, attempt, inflight, run
from app.store.tables.usage import (
    firing_pace,
    history_usage,
    runs_under_way,
    usage,
    usage_release,
    usage_slot,
)
from app.store.tables.users import (
    beta_request,
    invitation,
    membership,
    outbox,
    user_link,
    web_session,
    web_user,
)

__all__ = [
    "aborted",
    "account",
    "accuracy",
    "api_key",
    "attempt",
    "audit",
    "beta_request",
    "database_clock",
    "due",
    "endpoint",
    "firing_pace",
    "follow",
    "heartbeat",
    "history_usage",
    "inbox",
    "inbox_call",
    "inflight",
    "invitation",
    "job",
    "kept_answer",
    "membership",
    "outbox",
    "run",
    "runs_under_way",
    "signing_secret",
    "superseded",
    "tally",
    "usage",
    "usage_release",
    "usage_slot",
    "user_link",
    "web_session",
    "web_user",
]
