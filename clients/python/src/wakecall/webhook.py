"""Webhook: verifies calls as receivers get them, by the rules of Standard Webhooks.

Nothing here parses the body: the signature is over the bytes as they came.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from wakecall.errors import NoSignature, Stale, WrongSignature
from wakecall.spans import to_span


class HasItems(Protocol):
    """Headers as frameworks have them: a mapping, or what gives its names and values like one."""

    def items(self) -> Iterable[tuple[Any, Any]]:
        """The names and values."""


Headers = HasItems | Iterable[tuple[str | bytes, str | bytes]]
"""A mapping or pairs, of text or bytes, with names in any case, or a WSGI environment."""

_ID: Final = "webhook-id"
_TIMESTAMP: Final = "webhook-timestamp"
_SIGNATURE: Final = "webhook-signature"
_PREFIX: Final = "whsec_"
_WSGI: Final = "HTTP_"
_SECONDS: Final = re.compile(r"[0-9]{1,11}")
_NUMBER: Final = re.compile(r"[0-9]{1,15}")
_JOB: Final = "wakecall-job"
_RUN: Final = "wakecall-run"
_DUE: Final = "wakecall-scheduled-for"
_ATTEMPT: Final = "wakecall-attempt"
_LATENESS: Final = "wakecall-lateness-ms"
_MISSED: Final = "wakecall-missed"
_DEPTH: Final = "wakecall-depth"
_COMPLETION: Final = "wakecall-completion-token"
_CONTENT_TYPES: Final = ("content-type", "content_type")
_READ: Final = frozenset(
    (
        *(_ID, _TIMESTAMP, _SIGNATURE, *_CONTENT_TYPES),
        *(_JOB, _RUN, _DUE, _ATTEMPT, _LATENESS, _MISSED, _DEPTH, _COMPLETION),
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A call that was verified. The signature covers `id`, `sent` and `body`.

    The other values come from headers beside it, which are as safe as the connection; they are
    None where a header is missing or cannot be read.
    """

    id: str
    """The run's id (`webhook-id`): the same for all attempts, so that a repeat is recognised."""

    sent: datetime
    body: bytes = field(repr=False)
    job: str | None = None
    """The id of the job; None for an event."""

    run: str | None = None
    """The id of the run that an event reports."""

    due: datetime | None = None
    """The instant for which the call was booked."""

    attempt: int | None = None
    """The number of the attempt, from 1."""

    lateness: timedelta | None = None
    """How long after the due instant this attempt began."""

    missed: int = 0
    """How many missed firings the call stands for."""

    depth: int | None = None
    """How many calls led to this one, one to the next."""

    token: str | None = field(default=None, repr=False)
    """The completion token, with which the result can be reported later."""

    content_type: str | None = None

    @property
    def text(self) -> str:
        """The body as text; raises UnicodeDecodeError if it is not UTF-8."""
        return self.body.decode()

    def json(self) -> Any:  # noqa: ANN401 - JSON holds anything
        """The value of the body's JSON; raises ValueError."""
        return json.loads(self.body)


class Webhook:
    """Verifies calls with the signing secrets of an account: all that may have signed them."""

    def __init__(self, *secrets: str | bytes, tolerance: timedelta | float = 300) -> None:
        """`secrets` are texts that begin with whsec_, or the keys as bytes; newest first.

        `tolerance` is how old a call may be, and how far the sender's clock may be ahead. Raises
        ValueError for a secret or a tolerance that cannot be read.
        """
        if not secrets:
            raise ValueError("Give at least one signing secret: `client.secrets.list()` has them.")
        self._keys: Final = tuple(_key(each) for each in secrets)
        self._tolerance: Final = to_span(tolerance)

    def verify(
        self,
        body: bytes | bytearray | memoryview,
        headers: Headers,
        *,
        now: datetime | None = None,
    ) -> Call:
        """The call with this body and these headers, if it is genuine.

        `body` is the body as it came, before anything parsed or decoded it. Raises NoSignature,
        WrongSignature and Stale, and TypeError for a body that is not bytes.
        """
        content = _raw(body)
        fields = _fields(headers)
        message_id, text = _only(fields, _ID), _only(fields, _TIMESTAMP)
        given = _only(fields, _SIGNATURE)
        sent = _instant(text)
        # Some frameworks have surrogates for bytes of a header that are not UTF-8.
        signed = f"{message_id}.{text}.".encode("utf-8", "surrogatepass") + content
        if not self._is_genuine(signed, given):
            raise WrongSignature(
                "No signature of the call fits its body and the secrets. Check that the secrets "
                "are those of the account, and that the body is verified as it came."
            )
        age = (now or datetime.now(UTC)) - sent
        if abs(age) > self._tolerance:
            raise Stale(
                f"The call was signed at {sent.isoformat()}, more than "
                f"{self._tolerance.total_seconds():g} s from this machine's time."
            )
        return _call(message_id, sent, content, fields)

    def sign(
        self,
        body: bytes,
        *,
        id: str,  # noqa: A002 - as Call.id
        sent: datetime | None = None,
    ) -> dict[str, str]:
        """The headers of a call with this body, signed with all secrets, for tests of receivers."""
        timestamp = int((sent or datetime.now(UTC)).timestamp())
        signed = f"{id}.{timestamp}.".encode() + _raw(body)
        signatures = (b"v1," + _signature(key, signed) for key in self._keys)
        return {
            _ID: id,
            _TIMESTAMP: str(timestamp),
            _SIGNATURE: b" ".join(signatures).decode(),
        }

    def _is_genuine(self, signed: bytes, given: str) -> bool:
        """Compares every signature with every secret, however early one fits."""
        presented = [each.encode("utf-8", "replace") for each in given.split()]
        found = False
        for key in self._keys:
            own = b"v1," + _signature(key, signed)
            for each in presented:
                found |= hmac.compare_digest(own, each)
        return found


def _signature(key: bytes, signed: bytes) -> bytes:
    return base64.b64encode(hmac.digest(key, signed, "sha256"))


def _key(secret: str | bytes) -> bytes:
    """The key of a secret. Errors do not show it."""
    key = secret
    if isinstance(key, str):
        text = key.strip().removeprefix(_PREFIX)
        try:
            key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except ValueError:
            raise ValueError(f"A signing secret is base64 after {_PREFIX}.") from None
    if not key:
        raise ValueError("A signing secret is empty.")
    return key


def _raw(body: bytes | bytearray | memoryview) -> bytes:
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    raise TypeError(
        f"The body is a {type(body).__name__}, not bytes. The signature is over the bytes as they "
        "came: what a framework decoded or parsed may differ from them. Verify the raw body."
    )


def _fields(headers: Headers) -> dict[str, list[str]]:
    """The values of the headers of `_READ`; names are in any case, or those of WSGI."""
    items = headers.items() if hasattr(headers, "items") else headers
    fields: dict[str, list[str]] = {}
    for raw_name, value in items:
        name = raw_name if isinstance(raw_name, str) else _decoded(raw_name)
        if name.startswith(_WSGI):
            name = name.removeprefix(_WSGI).replace("_", "-")
        name = name.lower()
        if name in _READ:
            fields.setdefault(name, []).append(_decoded(value))
    return fields


def _decoded(text: object) -> str:
    if isinstance(text, bytes):
        return text.decode("latin-1")
    if isinstance(text, (list, tuple)):
        return ", ".join(map(_decoded, text))
    return str(text)


def _only(fields: Mapping[str, list[str]], name: str) -> str:
    """The one value of a header of the signature; raises NoSignature."""
    values = fields.get(name, [])
    if not values or not values[0].strip():
        raise NoSignature(f"The call has no {name}, so it is not one of Wakecall's.")
    if len(values) > 1:
        raise NoSignature(f"The call has {name} more than once.")
    return values[0].strip()


def _instant(text: str) -> datetime:
    if not _SECONDS.fullmatch(text):
        raise NoSignature("webhook-timestamp is not a number of seconds.")
    return datetime.fromtimestamp(int(text), UTC)


def _call(message_id: str, sent: datetime, body: bytes, fields: Mapping[str, list[str]]) -> Call:
    def text(name: str) -> str | None:
        return next(iter(fields.get(name, ())), None) or None

    def number(name: str) -> int | None:
        value = text(name) or ""
        return int(value) if _NUMBER.fullmatch(value) else None

    lateness = number(_LATENESS)
    return Call(
        id=message_id,
        sent=sent,
        body=body,
        job=text(_JOB),
        run=text(_RUN),
        due=_due(text(_DUE)),
        attempt=number(_ATTEMPT),
        lateness=None if lateness is None else timedelta(milliseconds=lateness),
        missed=number(_MISSED) or 0,
        depth=number(_DEPTH),
        token=text(_COMPLETION),
        content_type=next(filter(None, map(text, _CONTENT_TYPES)), None),
    )


def _due(text: str | None) -> datetime | None:
    try:
        instant = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant is not None and instant.tzinfo is not None else None
