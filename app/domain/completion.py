"""Completion: a receiver says later what came of a run, and shows by a token that it was called."""

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


class Said(StrEnum):
    """What a completion says of a run."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """What a receiver says came of a run, and why in its own words."""

    said: Said
    message: str | None = None

    @property
    def state(self) -> RunState:
        """How the run ends."""
        return RunState(self.said)

    @property
    def reason(self) -> str | None:
        """Why it ended so."""
        if self.message is None and self.said is Said.FAILED:
            return "The receiver said later that it failed, and not why."
        return self.message


class Tokens:
    """Makes tokens with the first key, and takes those of any: so that the key can be changed.

    A token is good for one run. It is derived, so that nobody has to keep it: whoever reads
    database, Redis or logs does not have it. Raises ValueError where a key is no URL-safe base64.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keyed = [_keyed(key) for key in keys]

    def make(self, run_id: UUID) -> str:
        """The token of a run."""
        return _token(self._keyed[0], run_id)

    def fits(self, token: str, run_id: UUID) -> bool:
        """Whether this is the token of the run."""
        given = token.encode("utf-8", "replace")
        return any(
            hmac.compare_digest(_token(each, run_id).encode(), given) for each in self._keyed
        )


def within(reply: Reply) -> int | None:
    """The seconds within which the receiver will say what came of it; None if it has said it.

    That is a 202 with `Wakecall-Complete: later`, and perhaps `; within=SECONDS`: kept within 1 and
    MAX_WITHIN, and DEFAULT_WITHIN where it cannot be read. What else there is says nothing.
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
    """A keyed BLAKE2b (RFC 7693), to be copied: each call bears one, and HMAC costs thrice that."""
    derived = blake2b(key=urlsafe_b64decode(key), person=_PURPOSE, digest_size=32).digest()
    return blake2b(key=derived, digest_size=_TOKEN_BYTES)


def _token(keyed: blake2b, run_id: UUID) -> str:
    hashed = keyed.copy()
    hashed.update(run_id.bytes)
    return b2a_base64(hashed.digest(), newline=False).translate(_FOR_URLS).decode()
