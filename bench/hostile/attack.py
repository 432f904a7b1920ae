"""Attack: one thing that an attacker does, and the ways of doing it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from bench.hostile import links
from bench.hostile.links import Score
from bench.hostile.target import Target

Connect = Callable[[Target, Score], Iterable[Coroutine[Any, Any, None]]]
"""Opens the connections of an attack; each goes on until it is cancelled."""

Requests = Callable[[Target, int], Iterator[bytes]]
"""The requests of one connection, without end; connections are counted from 0."""

Facts = dict[str, Any]

_UPLOAD: Final = 100_000
_AT_ONCE: Final = 70_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Attack:
    """One thing that an attacker does as fast as it can.

    `prepare` finds the facts for its target, before anything is measured. What an attack leaves in
    `left_in` (table and its column of time) is made as much as minutes of it would leave.
    """

    name: str
    about: str
    connect: Connect
    prepare: Callable[[Target], Facts] | None = None
    left_in: tuple[str, str] | None = None
    lead_s: float = 1.5
    """Seconds from the start of its process until the attack is complete and measuring begins."""


def ask(requests: Requests, connections: int = 32) -> Connect:
    """Ask on so many connections, each time as soon as the answer before is here."""
    return lambda target, score: (
        links.ask(target.port, requests(target, n), score) for n in range(connections)
    )


def ask_and_not_read(requests: Requests, *, held: int, connections: int = 4) -> Connect:
    """Ask on `held` connections and read nothing; the oldest is given up for a new one."""
    return lambda target, score: (
        links.ask_and_not_read(
            target.port, requests(target, n), score, held=held // connections, pause_s=0.05
        )
        for n in range(connections)
    )


def send_slowly(
    beginning: Callable[[Target], bytes],
    piece: bytes,
    *,
    connections: int,
    pause_s: float = 2.0,
) -> Connect:
    """Begin so many requests, and go on with each by a piece now and then."""
    return lambda target, score: (
        links.send_slowly(target.port, beginning(target), score, piece=piece, pause_s=pause_s)
        for _ in range(connections)
    )


def long_upload(head: bytes) -> bytes:
    """The beginning of a request, longer than a document may be, of which the end never comes."""
    return head.replace(b"Content-Length: 0", b"Content-Length: %d" % _UPLOAD) + b" " * _AT_ONCE


def say_nothing(connections: int) -> Connect:
    """Keep so many connections open."""
    return lambda target, score: (links.say_nothing(target.port, score) for _ in range(connections))


def both(*ways: Connect) -> Connect:
    """Several attacks at once."""
    return lambda target, score: (link for way in ways for link in way(target, score))
