"""Booked once: a form that is sent twice, as by a double click without a script, books one job."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from uuid import UUID

from app.api.context import current_context
from app.domain.account import Caller
from app.domain.idempotency import fingerprint
from app.domain.job import Booking
from app.errors import StillRunning
from app.service import idempotency, jobs
from app.service.idempotency import KeptResponse

FIELD: Final = "key"
_KEY: Final = re.compile(r"[0-9a-f]{32}")
_CREATED: Final = 201
_LOOKS: Final = 20
_PAUSE_S: Final = 0.1
"""Between looks for the first request. The browser shows the answer to the second one alone."""


def new_key() -> str:
    """Return the key of one page with a form."""
    return secrets.token_hex(16)


def is_key(text: str) -> bool:
    """Whether the text is such a key."""
    return _KEY.fullmatch(text) is not None


def book(caller: Caller, booking: Booking, values: Mapping[str, str], key: str) -> UUID:
    """Book a job; return its id, or that of the job which the same form has booked already.

    A form that was changed since, after a step back, books another job. Raises as `jobs.create`,
    and StillRunning if the first request does not end.
    """
    context = current_context()
    if not is_key(key):
        return jobs.create(context, caller, booking).id
    entered = fingerprint(text.encode() for pair in sorted(values.items()) for text in pair)

    def perform() -> KeptResponse:
        made = jobs.create(context, caller, booking)
        return KeptResponse(status=_CREATED, headers=(), body=str(made.id).encode())

    def once() -> UUID:
        name = f"console.{key}.{entered.hex()}"
        kept = idempotency.perform_once(context, caller, name, entered, perform)
        return UUID(kept.body.decode())

    for _ in range(_LOOKS - 1):
        with suppress(StillRunning):
            return once()
        time.sleep(_PAUSE_S)
    return once()
