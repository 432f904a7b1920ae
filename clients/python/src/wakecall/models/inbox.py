"""Inbox: a test receiver of the account, and the calls that came to it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from wakecall.models._reading import PAIRS, Model, on_the_wire, payload

InboxAnswer = Literal["204", "500", "429", "202", "wait"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Inbox(Model):
    """A test receiver."""

    id: str
    url: str
    label: str = ""
    answer: InboxAnswer = "204"
    created: datetime
    calls: int = 0
    """How many calls have come."""

    last_call: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class InboxCall(Model):
    """A call that came to an inbox."""

    number: int
    received: datetime
    method: str
    path: str = ""
    query: str = ""
    headers: Annotated[tuple[tuple[str, str], ...], PAIRS] = ()
    data: Annotated[bytes | None, payload("data", "dataEncoding")] = None
    """The body, or its beginning if it is longer than 16 KiB."""

    length: Annotated[int, on_the_wire("bytes")]
    """The length of the whole body."""

    signature: Literal["verified", "invalid", "missing"]
    run: str | None = None
    """The run, of a verified call; so are the following three."""

    attempt: int | None = None
    scheduled_for: datetime | None = None
    lateness: Annotated[timedelta | None, on_the_wire("latenessMs")] = None
    answer: InboxAnswer
    """What the inbox answered."""

    @property
    def text(self) -> str:
        """The body as text; raises UnicodeDecodeError if it is not UTF-8."""
        return (self.data or b"").decode()

    def json(self) -> Any:  # noqa: ANN401 - JSON holds anything
        """The body as the value of its JSON; raises ValueError."""
        return json.loads(self.data or b"")
