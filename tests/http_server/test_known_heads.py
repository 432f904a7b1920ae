"""Known heads: one that came before is not read again, and has the notes about it."""

from __future__ import annotations

import pytest

from app.http_server.exchange import NOTES, Message, Receive, Send
from app.http_server.heads import Refused
from app.http_server.known_heads import MAX_KNOWN, MAX_LENGTH, KnownHeads
from tests.http_server.serving import GET, Server, play, respond


def head(path: str = "/", *fields: str) -> bytes:
    return "\r\n".join((f"GET {path} HTTP/1.1", "Host: x", *fields)).encode()


def test_a_head_that_came_before_is_known_with_its_notes() -> None:
    known = KnownHeads()
    first = known.read(head())
    first.notes["a"] = 1
    assert known.read(head()) is first
    assert known.read(head("/", "Accept: */*")).notes == {}
    assert KnownHeads().read(head()).notes == {}


def test_what_is_refused_is_refused_again() -> None:
    known = KnownHeads()
    for _ in range(2):
        with pytest.raises(Refused):
            known.read(b"GET / HTTP/1.1\r\nHost : x")


def test_long_heads_and_more_than_a_few_are_not_kept() -> None:
    known = KnownHeads()
    long = head("/", f"Cookie: {'a' * MAX_LENGTH}")
    assert known.read(long) == known.read(long)
    assert known.read(long).notes is not known.read(long).notes
    first = known.read(head())
    for n in range(MAX_KNOWN):
        known.read(head(f"/{n}"))
    assert known.read(head()) is not first


def test_the_application_gets_the_notes_of_requests_with_the_same_head() -> None:
    found: list[int] = []

    async def count(scope: Message, _receive: Receive, send: Send) -> None:
        notes = scope[NOTES]
        notes["times"] = notes.get("times", 0) + 1
        found.append(notes["times"])
        await respond(send)

    async def ask(server: Server) -> None:
        for _ in range(2):
            client = await server.connect()
            await client.ask(GET)
            await client.ask(GET.replace(b"Host: x", b"Host: y"))

    play(count, ask)
    assert found == [1, 1, 2, 2]
