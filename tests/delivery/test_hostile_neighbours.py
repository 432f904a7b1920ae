"""Hostile receivers of every kind at once: others are called, and bytes and memory are bounded."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from app.delivery.request import Call
from app.domain.run import Reply
from tests.delivery.outbound import Outbound
from tests.delivery.test_hostile import HOSTILE, SLOW
from tests.receiver import Behaviour, Exchange, Receiver, answer, endless_body, gzip_bomb, redirect
from tests.worst import slowness

EACH = 4
"""Calls to each kind at once."""

MIB = 1024 * 1024
MAX_STEP_S = 0.25
"""Seconds of computing in one step of the loop, in which no other call is made."""

MAX_SENT = 16 * MIB
"""Bytes that one receiver gets rid of: the sockets of both sides take some."""

MAX_MEMORY = 96 * MIB
"""Bytes that the process, which the receivers are in as well, needs more than before."""

OTHERS: dict[str, Behaviour] = {
    "sends a body without end": endless_body,
    "sends a gzip bomb": gzip_bomb(20),
    "redirects to itself": redirect("/redirects to itself"),
}


class Counting(Exchange):
    """An exchange that counts what it sends."""

    sent: list[int]

    __slots__ = ("sent",)

    def send(self, data: bytes) -> None:
        """Send raw bytes, and count them."""
        super().send(data)
        self.sent.append(len(data))


def counted(behave: Behaviour, sent: list[int]) -> Behaviour:
    def behave_counted(exchange: Exchange) -> None:
        counting = Counting(request=exchange.request, link=exchange.link, closing=exchange.closing)
        object.__setattr__(counting, "sent", sent)
        behave(counting)

    return behave_counted


def peak_memory() -> int:
    """The most bytes of memory that this process had at once since `forget_peak`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(each for each in lines if each.startswith("VmHWM")).split()[1])


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def run(outbound: Outbound, until: Callable[[], bool]) -> float:
    """Run the loop; return the most seconds of computing in one step."""
    longest, began = 0.0, time.thread_time()

    def measured() -> bool:
        nonlocal began, longest
        longest = max(longest, time.thread_time() - began)
        done = until()
        began = time.thread_time()
        return done

    outbound.run(measured)
    return longest


def test_while_receivers_of_every_kind_are_called_the_calls_of_others_are_made(
    outbound: Outbound, receiver: Receiver
) -> None:
    kinds = {**{name: each for name, (each, _) in HOSTILE.items()}, **SLOW, **OTHERS}
    sent: dict[str, list[int]] = {name: [] for name in kinds}
    replies: dict[str, Reply] = {}
    forget_peak()
    before, longest = peak_memory(), 0.0
    with Receiver() as hostile:
        for number, (name, behave) in enumerate(kinds.items()):
            hostile.behaviours[f"/{number}"] = counted(behave, sent[name])
            call = Call(url=hostile.url(f"/{number}"), headers=(), body=b"x" * 1000, timeout=3.0)
            for each in range(EACH):
                outbound.engine.post(call, partial(replies.__setitem__, f"{name} {each}"))
        receiver.default = answer(204)
        for _ in range(40):
            good: list[Reply] = []
            outbound.engine.post(Call(url=receiver.url(), headers=(), timeout=8.0), good.append)
            longest = max(longest, run(outbound, partial(bool, good)))
            assert (good[0].status, good[0].error) == (204, None)
        # Those that are slow are still under way: nobody waited for them.
        assert outbound.engine.in_flight >= EACH * len(SLOW)
        longest = max(longest, run(outbound, lambda: len(replies) == EACH * len(kinds)))

    assert longest < MAX_STEP_S * slowness()
    assert max(sum(each) for each in sent.values()) < EACH * MAX_SENT
    assert peak_memory() - before < MAX_MEMORY
    for name in SLOW:
        assert {replies[f"{name} {each}"].error for each in range(EACH)} == {"timeout"}
