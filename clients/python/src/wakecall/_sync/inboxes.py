"""Inboxes: the test receivers of the account, and the calls that come to them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from time import monotonic
from typing import Final

from wakecall._core import values
from wakecall._core.requests import delete, get, path, post, put
from wakecall._sync.pages import Pages
from wakecall._sync.session import Session
from wakecall.models import Inbox, InboxAnswer, InboxCall

MAX_WAIT: Final = 25
"""Seconds for which the service waits at most for a call."""

_LEAST_PAUSE_S: Final = 0.2
"""Between the beginnings of two requests for the next calls."""


class Inboxes:
    """The inboxes of the account. Each method raises WakecallError."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self) -> tuple[Inbox, ...]:
        """The inboxes, the oldest first."""
        return self._session.send(get("/1/inboxes"), values.many(Inbox))

    def create(
        self,
        *,
        label: str = "",
        answer: InboxAnswer = "204",
        idempotency_key: str | None = None,
    ) -> Inbox:
        """Create an inbox, which is called at its `url` and answers as `answer` tells."""
        document = {"label": label, "answer": answer}
        request = post("/1/inboxes", document, idempotency_key=idempotency_key)
        return self._session.send(request, values.one(Inbox))

    def get(self, inbox: str | Inbox) -> Inbox:
        """The inbox with that id."""
        return self._session.send(get(path("inboxes", _id(inbox))), values.one(Inbox))

    def change(self, inbox: str | Inbox, *, label: str = "", answer: InboxAnswer = "204") -> Inbox:
        """Give an inbox another label and answer."""
        document = {"label": label, "answer": answer}
        return self._session.send(put(path("inboxes", _id(inbox)), document), values.one(Inbox))

    def delete(self, inbox: str | Inbox) -> None:
        """Delete an inbox with its calls."""
        self._session.send(delete(path("inboxes", _id(inbox))), values.nothing)

    def calls(
        self, inbox: str | Inbox, *, limit: int | None = None, cursor: str | None = None
    ) -> Pages[InboxCall]:
        """The calls that came to an inbox, the newest first."""
        request = get(path("inboxes", _id(inbox), "calls"), cursor=cursor)
        return self._session.pages(request, values.many(InboxCall), limit)

    def call(self, inbox: str | Inbox, number: int) -> InboxCall:
        """One call that came to an inbox."""
        request = get(path("inboxes", _id(inbox), "calls", str(number)))
        return self._session.send(request, values.one(InboxCall))

    def calls_after(
        self, inbox: str | Inbox, number: int = 0, *, wait: int = MAX_WAIT
    ) -> tuple[InboxCall, ...]:
        """The calls after the one with that number, in their order.

        If there are none, the service waits up to `wait` seconds for one, at most 25.
        """
        request = get(path("inboxes", _id(inbox), "calls"), after=number, wait=wait)
        request = replace(request, patience=wait)
        return self._session.send(request, values.many(InboxCall))

    def follow(self, inbox: str | Inbox, *, after: int | None = None) -> Iterator[InboxCall]:
        """The calls as they come, without an end: those after `after`, else those from now on."""
        number = (self.get(inbox)).calls if after is None else after
        while True:
            asked_at = monotonic()
            for call in self.calls_after(inbox, number):
                number = call.number
                yield call
            # A proxy may answer in the service's place without waiting.
            time.sleep(max(asked_at + _LEAST_PAUSE_S - monotonic(), 0.0))


def _id(inbox: str | Inbox) -> str:
    return inbox if isinstance(inbox, str) else inbox.id
