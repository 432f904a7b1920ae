"""Audit: a record of one change to an account, of who made it and from where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Action(StrEnum):
    """What was done; the part before the point names the kind of object."""

    CREATE_ACCOUNT = "account.create"
    LIMIT_ACCOUNT = "account.limit"
    SUSPEND_ACCOUNT = "account.suspend"
    RESUME_ACCOUNT = "account.resume"
    DELETE_ACCOUNT = "account.delete"
    CREATE_KEY = "key.create"
    REVOKE_KEY = "key.revoke"
    ROTATE_SECRET = "secret.rotate"  # noqa: S105 - the name of an action
    PUT_ENDPOINT = "endpoint.put"
    DELETE_ENDPOINT = "endpoint.delete"
    CREATE_INBOX = "inbox.create"
    CHANGE_INBOX = "inbox.change"
    DELETE_INBOX = "inbox.delete"
    REDELIVER_RUNS = "runs.redeliver"
    PAUSE_JOBS = "jobs.pause"
    RESUME_JOBS = "jobs.resume"
    FIRE_JOBS = "jobs.fire"
    TAG_JOBS = "jobs.tag"
    UNTAG_JOBS = "jobs.untag"
    DELETE_JOBS = "jobs.delete"
    JOIN = "member.join"
    CHANGE_ROLE = "member.role"
    REMOVE_MEMBER = "member.remove"
    CREATE_INVITATION = "invitation.create"
    REVOKE_INVITATION = "invitation.revoke"
    CREATE_LINK = "user.link"
    CHANGE_PASSWORD = "user.password"  # noqa: S105 - the name of an action
    DELETE_USER = "user.delete"
    SHOW_SECRET = "secret.show"  # noqa: S105 - the name of an action


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who makes a change: the holder of a key, a user, or the operator with a command."""

    key_id: str | None = None
    """None for the operator and for users; empty while a request's sender is not known."""

    user: str | None = None
    """The e-mail address of a user who signed in."""

    address: str | None = None
    """The network address of a request; None for a command."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """The record of one change; `id` grows with each record."""

    id: int
    at: datetime
    actor: Actor
    action: str
    """An Action, or one that only another release knows."""

    object: str
    """What the change was made to: the id or the name of a key, an app, an account."""

    detail: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryFilter:
    """Which records are wanted; None for all."""

    action: str | None = None
    key_id: str | None = None
    user: str | None = None
    after: datetime | None = None
    """Records of this instant or later."""

    before: datetime | None = None
    """Records earlier than this instant."""
