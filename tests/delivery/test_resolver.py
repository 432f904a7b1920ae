"""The resolver against name servers that answer, deny, lie low and say too much."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pycares
import pytest

from app.delivery.engine import Engine
from app.delivery.guard import Guard
from app.delivery.loop import Loop
from app.delivery.request import Call
from app.delivery.resolver import Resolution, Resolver
from app.domain.run import Reply
from tests.delivery.nameserver import NameServer, Zone
from tests.delivery.outbound import LOOPBACK
from tests.receiver import PATIENCE, Receiver

HEAD = b"\x81\x80" + b"\0\1" * 2 + b"\0" * 4
QUESTION = b"\1a\7example\0\0\1\0\1"
HOSTILE = {
    "nothing more": b"",
    "garbage": b"\xff\xfe\x80" * 100,
    "half a head": HEAD[:5],
    "a name that refers to itself": HEAD + b"\xc0\x0c\0\1\0\1\xc0\x0c" + b"\0" * 20,
    "the answer to another question": HEAD + QUESTION + b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1",
    "more answers than it has": b"\x81\x80\0\1\xff\xff" + b"\0" * 4 + QUESTION,
}
ZONE: Zone = {
    "both.example": ("192.0.2.1", "192.0.2.2", "2001:db8::1"),
    "four.example": ("192.0.2.4",),
    "six.example": ("2001:db8::6",),
    "empty.example": (),
    "silent.example": None,
    "hook.example": ("127.0.0.1",),
    "crowd.example": tuple(f"192.0.2.{number}" for number in range(250)),
}


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer(ZONE) as server:
        yield server


@pytest.fixture
def resolver(loop: Loop, server: NameServer) -> Iterator[Resolver]:
    resolver = Resolver(loop, servers=(server.address,), patience=1.0)
    yield resolver
    resolver.close()


def run(loop: Loop, until: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not until():
        assert time.monotonic() < limit
        loop.step(0.05)


def test_a_name_with_an_address_is_resolved_though_it_has_no_lifetime(
    loop: Loop, resolver: Resolver, server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.delivery.resolver._REREAD", 0.0)
    assert ask(loop, resolver, "empty.example").error is not None
    monkeypatch.setitem(server.zone, "empty.example", ("192.0.2.9",))
    # c-ares resets itself in a thread of its own.
    run(loop, lambda: ask(loop, resolver, "empty.example").addresses == ("192.0.2.9",))


def ask(loop: Loop, resolver: Resolver, host: str) -> Resolution:
    answers: list[Resolution] = []
    resolver.resolve(host, answers.append)
    assert answers == []
    run(loop, lambda: bool(answers))
    return answers[0]


def test_both_address_families_are_looked_up_and_returned(
    loop: Loop, resolver: Resolver, server: NameServer
) -> None:
    answer = ask(loop, resolver, "both.example")
    assert set(answer.addresses) == {"192.0.2.1", "192.0.2.2", "2001:db8::1"}
    assert answer.error is None
    assert set(server.asked) == {("both.example", 1), ("both.example", 28)}


@pytest.mark.parametrize(
    ("host", "address"), [("four.example", "192.0.2.4"), ("six.example", "2001:db8::6")]
)
def test_one_family_is_enough(loop: Loop, resolver: Resolver, host: str, address: str) -> None:
    assert ask(loop, resolver, host).addresses == (address,)


@pytest.mark.parametrize(("ttl", "lifetime"), [(0, 5), (60, 60), (86_400, 300)])
def test_an_answer_lives_as_long_as_its_ttl_within_bounds(
    loop: Loop, resolver: Resolver, server: NameServer, ttl: int, lifetime: float
) -> None:
    server.ttl = ttl
    assert ask(loop, resolver, "four.example").lifetime == lifetime


@pytest.mark.parametrize("host", ["empty.example", "unknown.example", "x" * 64 + ".example"])
def test_a_name_without_address_is_a_short_lived_failure(
    loop: Loop, resolver: Resolver, host: str
) -> None:
    answer = ask(loop, resolver, host)
    assert answer.addresses == ()
    assert answer.error is not None
    assert host in answer.error
    assert answer.lifetime == 5


def test_a_silent_server_ends_by_our_patience_and_holds_up_nobody(
    loop: Loop, resolver: Resolver
) -> None:
    began = time.monotonic()
    silent: list[Resolution] = []
    resolver.resolve("silent.example", silent.append)
    for _ in range(5):
        assert ask(loop, resolver, "four.example").addresses == ("192.0.2.4",)
    assert silent == []
    run(loop, lambda: bool(silent))
    assert time.monotonic() - began < 5
    assert silent[0].addresses == ()
    assert silent[0].error is not None


@pytest.mark.parametrize("kind", HOSTILE)
def test_an_answer_that_is_not_one_ends_by_our_patience_and_delays_no_other_name(
    loop: Loop, resolver: Resolver, server: NameServer, kind: str
) -> None:
    server.zone = {**ZONE, "hostile.example": HOSTILE[kind]}
    answers: list[Resolution] = []
    others: list[Resolution] = []
    for _ in range(10):
        # c-ares fails all that is under way when an answer cannot be read.
        resolver.resolve("four.example", others.append)
        resolver.resolve("hostile.example", answers.append)
        resolver.resolve("six.example", others.append)
    run(loop, lambda: len(answers) == 10 and len(others) == 20)
    assert {each.addresses for each in others} == {("192.0.2.4",), ("2001:db8::6",)}
    assert {each.addresses for each in answers} == {()}
    assert all(each.error for each in answers)
    assert ask(loop, resolver, "hook.example").addresses == ("127.0.0.1",)


def test_no_search_domain_is_tried(loop: Loop, resolver: Resolver, server: NameServer) -> None:
    assert ask(loop, resolver, "bare").addresses == ()
    assert {name for name, _ in server.asked} == {"bare"}


def test_after_failures_the_name_servers_are_read_again_but_not_each_time(
    loop: Loop, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(resolver._shared, "reread", lambda: read.append("again"))
    resolver._reread_at -= 60
    ask(loop, resolver, "unknown.example")
    assert read == []
    for _ in range(2):
        ask(loop, resolver, "silent.example")
    assert read == ["again"]


def test_of_thousands_of_addresses_those_are_taken_that_come_in_one_packet(
    loop: Loop, resolver: Resolver
) -> None:
    found = ask(loop, resolver, "crowd.example")

    assert found.error is None
    # To read and to sort an address takes the loop some ten microseconds.
    assert 50 < len(found.addresses) < 80


@pytest.mark.parametrize("host", ["silent.example", "empty.example"])
def test_a_configuration_that_cannot_be_read_again_keeps_no_answer_back(
    loop: Loop, resolver: Resolver, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    def refuse() -> None:
        raise pycares.AresError(pycares.errno.ARES_ESERVFAIL, "no thread")

    monkeypatch.setattr(resolver._shared, "reread", refuse)
    resolver._reread_at -= 60
    assert ask(loop, resolver, host).error
    assert ask(loop, resolver, "hook.example").addresses == ("127.0.0.1",)


def test_close_ends_lookups_without_an_answer(loop: Loop, resolver: Resolver) -> None:
    answers: list[Resolution] = []
    resolver.resolve("silent.example", answers.append)
    loop.step(0.05)
    resolver.close()
    resolver.close()
    loop.step(0.05)
    assert answers == []


def test_engine_and_resolver_share_a_loop(loop: Loop, resolver: Resolver) -> None:
    engine = Engine(loop, Guard(loop, resolver, allow=LOOPBACK))
    replies: list[Reply] = []
    with Receiver() as receiver:
        for host in ("hook.example", "four.example", "unknown.example"):
            for _ in range(3):
                call = Call(url=receiver.url(host=host), headers=(), timeout=5)
                engine.post(call, replies.append)
        run(loop, lambda: len(replies) == 9)
        engine.close()
    outcomes = [reply.error or reply.status for reply in replies]
    assert outcomes.count(200) == 3
    assert outcomes.count("denied-address") == 3
    assert outcomes.count("dns-failure") == 3
