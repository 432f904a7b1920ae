"""Audit documents: the records of changes to an account, and the query that selects them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from app.api.native.codecs.generic_codec import Value
from app.api.native.codecs.schema import without_none
from app.domain import instants
from app.domain import key as keys
from app.domain.audit import Action, Actor, Entry, EntryFilter
from app.domain.checks import quoted
from app.domain.user import read_email
from app.errors import InvalidMember

CURSOR: Final = "cursor"
PARAMETERS: Final = ("action", "key", "user", "after", "before", CURSOR)

_CURSOR: Final = re.compile(r"[1-9][0-9]{0,17}")


def parse(given: Mapping[str, str]) -> tuple[EntryFilter, int | None]:
    """The filter of a query, and the id below which to go on; raises InvalidMember."""
    action, key_id = given.get("action"), given.get("key")
    if action is not None and action not in tuple(Action):
        raise InvalidMember(
            "action",
            f"{quoted(action)} is not an action.",
            remedy=f"Give one of: {', '.join(Action)}.",
        )
    if key_id is not None and not keys.is_id(key_id):
        raise InvalidMember(
            "key",
            f"{quoted(key_id)} is not the id of a key.",
            remedy="GET /1/keys lists the ids of keys.",
        )
    after, before = (
        None if text is None else instants.parse(text, member=name)
        for name, text in (("after", given.get("after")), ("before", given.get("before")))
    )
    cursor = given.get(CURSOR)
    if cursor is not None and not _CURSOR.fullmatch(cursor):
        raise InvalidMember(
            CURSOR,
            "Invalid cursor.",
            remedy="Use the cursor of the previous response unchanged, or omit it to start at the "
            "first page.",
        )
    user = given.get("user")
    wanted = EntryFilter(
        action=action,
        key_id=key_id,
        user=None if user is None else read_email(user, member="user"),
        after=after,
        before=before,
    )
    return wanted, None if cursor is None else int(cursor)


def render(entry: Entry) -> Mapping[str, Value]:
    """The members of a record; `address` only if a request made the change."""
    actor = entry.actor
    members: Mapping[str, str | None] = {
        "at": instants.format_utc(entry.at),
        "action": entry.action,
        "object": entry.object,
        "detail": entry.detail,
        "by": _kind(actor),
        "key": actor.key_id,
        "user": actor.user,
        "address": actor.address,
    }
    return without_none(members)


def _kind(actor: Actor) -> str:
    if actor.user is not None:
        return "user"
    return "operator" if actor.key_id is None else "key"
