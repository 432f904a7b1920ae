"""Completion: the result of a run that its receiver reports later, with the token of its call."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode
from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Final
from uuid import UUID

from app.domain.run import Reply, RunState

HEADER: Final = "Wakecall-Complete"
TOKEN_HEADER: Final = "Wakecall-Completion-Token"  # noqa: S105 - a header's name

DEFAULT_WITHIN: Final = 3600
MAX_WITHIN: Final = 604_800
MAX_MESSAGE: Final = 1024

_ACCEPTED: Final = 202
_LATER: Final = "later"
_WITHIN: Final = "within"
_DIGITS: Final = 9
_PURPOSE: Final = b"wakecall/later/1"
_TOKEN_BYTES: Final = 33
"""A multiple of three: no padding in base64."""

_FOR_URLS: Final = bytes.maketrans(b"+/", b"-_")


class Result(StrEnum):
    """The result that a completion reports."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """The result of a run as its receiver reports it, with the receiver's own message."""

    result: Result
    message: str | None = None

    @property
    def state(self) -> RunState:
        """The state in which the run ends."""
        return RunState(self.result)

    @property
    def reason(self) -> str | None:
        """The reason that the run shows; None for a success without a message."""
        if self.message is None and self.result is Result.FAILED:
            return "The receiver reported a failure without a message."
        return self.message


class Tokens:
    """Makes completion tokens with the first key, and accepts those of all keys.

    So the key can be changed. A token is valid for one run. It is derived from the run's id and is
    not stored, so that neither the database nor Redis nor a log contains it. Raises ValueError if
    a key is not URL-safe base64.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keyed = [_keyed(key) for key in keys]

    def make(self, run_id: UUID) -> str:
        """Return the token of a run."""
        return _token(self._keyed[0], run_id)

    def fits(self, token: str, run_id: UUID) -> bool:
        """Return whether this is the token of the run, made with any of the keys."""
        given = token.encode("utf-8", "replace")
        return any(
            hmac.compare_digest(_token(each, run_id).encode(), given) for each in self._keyed
        )


def within(reply: Reply) -> int | None:
    """Return the seconds within which the receiver will report the result of the run.

    None if the reply itself is the result. A later report is announced by a 202 with
    `Wakecall-Complete: later`, optionally with `; within=SECONDS`, which is limited to 1 to
    MAX_WITHIN, and is DEFAULT_WITHIN if it is missing or unreadable. Other parameters are ignored.
    """
    if reply.status != _ACCEPTED:
        return None
    field = next((value for name, value in reply.headers if name.lower() == HEADER.lower()), "")
    word, *parameters = [part.strip() for part in field.split(";")]
    if word.lower() != _LATER:
        return None
    for parameter in parameters:
        name, _, value = (part.strip() for part in parameter.partition("="))
        # A value may be a token or a quoted string (RFC 9110, 5.6.6).
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        if name.lower() == _WITHIN and value.isascii() and value.isdigit():
            return min(max(int(value[:_DIGITS]), 1), MAX_WITHIN)
    return DEFAULT_WITHIN


def _keyed(key: str) -> blake2b:
    """Return a keyed BLAKE2b (RFC 7693) to copy: every call needs one, and HMAC costs thrice."""
    derived = blake2b(key=urlsafe_b64decode(key), person=_PURPOSE, digest_size=32).digest()
    return blake2b(key=derived, digest_size=_TOKEN_BYTES)


def _token(keyed: blake2b, run_id: UUID) -> str:
    hashed = keyed.copy()
    hashed.update(run_id.bytes)
    return b2a_base64(hashed.digest(), newline=False).translate(_FOR_URLS).decode()
