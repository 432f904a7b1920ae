"""The checks of test_operations_in_turn.py fail where a web process is not shared by account."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Final

import pytest

from app.api import asgi, dialects
from app.api.fair_gate import FairGate
from app.api.refusal_pace import RefusalPace
from app.api.senders import Sender
from bench.neighbours.operations import OPERATIONS
from tests.api.neighbours.test_operations_in_turn import go_past, go_past_two, is_paced, refusals

BRIEF_S: Final = 0.5
"""How long a request is waited for that, with the fault, is behind those that stand."""

Plant = Callable[[pytest.MonkeyPatch], None]
Check = Callable[[], Coroutine[Any, Any, None]]


def one_queue_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sender, "lane", property(lambda _: 0))


def one_queue_for_strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sender, "member", property(lambda _: None))


def no_cap_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    take = FairGate.take

    async def without_share(gate: FairGate, key: Hashable, member: Hashable, _share: int) -> Any:
        return await take(gate, key, member, sys.maxsize)

    monkeypatch.setattr(FairGate, "take", without_share)


def lists_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialects, "is_list", lambda *_: False)


def long_bodies_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "LONG_AT_ONCE", asgi.THREADS)


def no_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A free slot goes to the account that has waited longest, however often it had one since."""
    start_next = FairGate._start_next

    def without_turns(gate: FairGate) -> None:
        order = list(gate._turns)
        start_next(gate)
        for each in reversed([each for each in order if each in gate._turns]):
            gate._turns.move_to_end(each, last=False)

    monkeypatch.setattr(FairGate, "_start_next", without_turns)


def past(*names: str) -> Check:
    async def check() -> None:
        for name in names:
            await go_past(OPERATIONS[name], patience_s=BRIEF_S)

    return check


async def past_two() -> None:
    await go_past_two(patience_s=BRIEF_S)


BEHIND: Final[dict[str, tuple[Plant, Check]]] = {
    "one queue for all: a read": (one_queue_for_all, past("GET native.get_job")),
    "one queue for all: a page": (one_queue_for_all, past("GET console.list_audit")),
    "one queue for all: an RPC": (one_queue_for_all, past("RPC GetJob")),
    "one queue for all: a stranger": (one_queue_for_all, past("GET docs_site.search")),
    "one queue for strangers": (one_queue_for_strangers, past("GET docs_site.search")),
    "no cap on threads: a read": (no_cap_on_threads, past("GET native.get_job")),
    "no cap on threads: a change": (no_cap_on_threads, past("POST fusion.act")),
    "no turns": (no_turns, past_two),
}
"""Faults with which a request of somebody else is behind all that stands."""

AT_ONCE: Final[dict[str, tuple[Plant, Check]]] = {
    "lists": (lists_at_once, past("GET native.list_runs")),
    "redeliveries": (lists_at_once, past("POST native.redeliver_runs")),
    "long bodies": (long_bodies_at_once, past("POST native.create_jobs")),
}
"""Faults with which an account does more at once than it may."""


@pytest.mark.parametrize("name", BEHIND)
def test_a_queue_that_is_not_shared_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, check = BEHIND[name]
    plant(monkeypatch)

    with pytest.raises(TimeoutError):
        asyncio.run(check())


@pytest.mark.parametrize("name", AT_ONCE)
def test_too_much_at_once_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, check = AT_ONCE[name]
    plant(monkeypatch)

    with pytest.raises(AssertionError, match="at once"):
        asyncio.run(check())


def test_refusals_without_a_pace_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RefusalPace, "delay", lambda *_: 0.0)

    found = asyncio.run(refusals(monkeypatch))

    assert not any(is_paced(name, each) for name, each in found.items() if each)
    assert any(found.values())
