"""Inbox documents: what a client asks of an inbox, inboxes as they are shown, and their calls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from app.api import xml_text
from app.api.native.codecs import reader
from app.api.native.codecs.generic_codec import Value
from app.api.native.codecs.reader import Body
from app.api.native.codecs.schema import Choice, Integer, Object, Text, without_none
from app.api.native.documents import payload
from app.domain import instants
from app.domain.inbox import MAX_LABEL, Answer, Inbox, InboxCall
from app.errors import InvalidMember

INBOX: Final = Object(
    root="inbox",
    example='{"label": "orders", "answer": "500"}',
    members={"label": Text(max_length=MAX_LABEL), "answer": Choice(values=tuple(Answer))},
    required=(),
)

AFTER: Final = "after"
WAIT: Final = "wait"
CURSOR: Final = "cursor"
MAX_WAIT_S: Final = 25
"""Seconds: less than after which proxies commonly give a connection up."""

_WAIT: Final = Integer(minimum=0, maximum=MAX_WAIT_S, remedy="Give the seconds to wait, or none.")
_AFTER: Final = Integer(
    minimum=0, maximum=2**53, remedy="Give the number of the last call that you have."
)
_CURSOR: Final = re.compile(r"[1-9][0-9]{0,17}")


class Wanted(NamedTuple):
    """What a new or changed inbox is to be."""

    label: str
    answer: Answer


class Tail(NamedTuple):
    """Calls that follow the one with the number `after`, for which to wait some seconds."""

    after: int
    wait_s: int


def read(body: Body | None) -> Wanted:
    """The inbox that the body asks for; raises MalformedDocument and InvalidMember."""
    members = {} if body is None else reader.read(body, INBOX)
    return Wanted(members.get("label", ""), Answer(members.get("answer", Answer.OK)))


def parse_tail(given: Mapping[str, str]) -> Tail | None:
    """The calls that a query follows; None if it asks for the newest. Raises InvalidMember."""
    after, wait = given.get(AFTER), given.get(WAIT)
    if after is None and wait is None:
        return None
    if CURSOR in given:
        raise InvalidMember(
            CURSOR,
            f"{CURSOR} is given together with {AFTER} or {WAIT}.",
            remedy=f"Leave {CURSOR} out to follow new calls, or give {CURSOR} alone.",
        )
    return Tail(
        after=0 if after is None else _AFTER.parse(AFTER, after),
        wait_s=0 if wait is None else _WAIT.parse(WAIT, wait),
    )


def parse_cursor(given: Mapping[str, str]) -> int | None:
    """The number below which a page begins; raises InvalidMember."""
    text = given.get(CURSOR)
    if text is not None and not _CURSOR.fullmatch(text):
        raise InvalidMember(
            CURSOR,
            "Invalid cursor.",
            remedy="Use the cursor of the previous response unchanged, or omit it to start at the "
            "first page.",
        )
    return None if text is None else int(text)


def parse_number(text: str) -> int:
    """The number of a call in a path; 0, which no call has, for a text that is none."""
    return int(text) if _CURSOR.fullmatch(text) else 0


def render(inbox: Inbox, url: str) -> Mapping[str, Value]:
    """The members of an inbox, which is called at `url`."""
    last = inbox.last_call_at
    return without_none(
        {
            "id": str(inbox.id),
            "url": url,
            "label": inbox.label,
            "answer": str(inbox.answer),
            "created": instants.format_utc(inbox.created_at),
            "calls": inbox.last_number,
            "lastCall": None if last is None else instants.format_utc(last),
        }
    )


def render_call(call: InboxCall) -> Mapping[str, Value]:
    """The members of a call to an inbox."""
    received = call.received
    scheduled, lateness = received.scheduled_for, received.lateness_ms
    text, encoding = payload.to_text(received.body)
    if not xml_text.fits(text):
        text, encoding = payload.to_base64(received.body), payload.BASE64
    return without_none(
        {
            "number": call.number,
            "received": instants.format_utc(received.received_at),
            "method": received.method,
            "path": received.path,
            "query": received.query,
            "headers": [{"name": name, "value": value} for name, value in received.headers],
            "data": text,
            "dataEncoding": encoding,
            "bytes": received.body_bytes,
            "signature": str(received.signature),
            "run": None if received.run_id is None else str(received.run_id),
            "attempt": received.attempt,
            "scheduledFor": None if scheduled is None else instants.format_utc(scheduled),
            "latenessMs": None if lateness is None else round(lateness, 3),
            "answer": str(call.answer),
        }
    )
