"""Without key: the attacks that need no API key."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, cycle
from typing import Final

from bench.client import request
from bench.hostile.attack import (
    Attack,
    ask,
    ask_and_not_read,
    both,
    long_upload,
    say_nothing,
    send_slowly,
)
from bench.hostile.target import Target

_ACCEPT: Final = '\\"' * 15_000
_SILENT: Final = 9000
_DRIPPING: Final = 500
_KEYS: Final = 1000


def _long_accept(_target: Target, number: int) -> Iterator[bytes]:
    """A field of 30 KB, another each time: a quoted string that ends in the middle of an escape."""
    for n in count():
        yield request("GET", "/1/jobs", Accept=f"{number}-{n}{_ACCEPT}\\")


def _upload(_target: Target) -> bytes:
    return long_upload(request("POST", "/1/jobs/bulk", Content_Type="application/json"))


def _long_head(_target: Target) -> bytes:
    return b"GET /1/jobs HTTP/1.1\r\nHost: wakecall\r\nX-Filler: "


def _wrong_keys(target: Target, number: int) -> Iterator[bytes]:
    """The account's own key with another end, which its check digits refute, and any text."""
    own = (f"{target.key[:-4]}{n:04}" for n in range(_KEYS))
    keys = [key for n, key in enumerate(own) if n % 2 and key != target.key]
    keys += [f"{number}-{n}" for n in range(_KEYS // 2)]
    return cycle([request("GET", "/1/jobs", Authorization=f"Bearer {key}") for key in keys])


def _metrics(_target: Target, number: int) -> Iterator[bytes]:
    return cycle([request("GET", "/readyz" if number % 2 else "/metrics")])


def _schema(_target: Target, _number: int) -> Iterator[bytes]:
    """Very many requests at once for the longest answer that needs no key."""
    return cycle([request("GET", "/schemas/job.xsd") * 50])


ATTACKS: Final = (
    Attack(name="accept", about="`Accept` fields of 30 KB", connect=ask(_long_accept, 8)),
    Attack(
        name="slow-upload-no-key",
        about="64 bulks sent a byte every 2 s",
        connect=send_slowly(_upload, b" ", connections=64),
    ),
    Attack(
        name="idle",
        about="9,000 silent connections, 500 that send a header byte by byte",
        connect=both(
            say_nothing(_SILENT), send_slowly(_long_head, b"x", connections=_DRIPPING, pause_s=1.0)
        ),
        lead_s=6.0,
    ),
    Attack(name="wrong-keys", about="wrong keys", connect=ask(_wrong_keys)),
    Attack(name="metrics", about="`/metrics` and `/readyz` in a loop", connect=ask(_metrics)),
    Attack(
        name="unread-no-key",
        about="answers that need no key, asked for by the fifty and not read",
        connect=ask_and_not_read(_schema, held=200),
    ),
)
