"""The fair gate: the order of accounts, the length of queues, and that no slot is lost."""

from __future__ import annotations

import asyncio

import pytest

from app.api.fair_gate import FairGate, GateRefused


class Crowd:
    """Requests at a gate; `inside` are those that hold a slot, in the order they got it."""

    def __init__(self, gate: FairGate) -> None:
        self.gate = gate
        self.inside: list[str] = []
        self.leave: dict[str, asyncio.Event] = {}

    async def ask(self, lane: str, member: str, share: int | None = None) -> None:
        name = f"{lane}{member}"
        self.leave.setdefault(name, asyncio.Event())
        async with self.gate.slot(lane, member, share=share):
            self.inside.append(name)
            await self.leave[name].wait()

    async def enter(self, *names: str, share: int | None = None) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self.ask(name[0], name[1:], share)) for name in names]
        await self.settle()
        return tasks

    async def go(self, name: str) -> None:
        self.leave[name].set()
        await self.settle()

    @staticmethod
    async def settle() -> None:
        for _ in range(5):
            await asyncio.sleep(0)


def test_a_lane_has_its_share_and_others_find_the_rest_free() -> None:
    async def check() -> None:
        crowd = Crowd(FairGate(4, 2))
        await crowd.enter("a1", "a2", "a3", "a4", "b1")
        assert crowd.inside == ["a1", "a2", "b1"]
        await crowd.go("a1")
        assert crowd.inside[3:] == ["a3"]

    asyncio.run(check())


def test_a_full_gate_opens_for_each_lane_in_turn() -> None:
    async def check() -> None:
        crowd = Crowd(FairGate(2, 2))
        await crowd.enter("a1", "a2", "a3", "a4", "b1", "c1", "b2")
        assert crowd.inside == ["a1", "a2"]
        for name in ("a1", "a2", "a3", "b1", "c1", "a4"):
            await crowd.go(name)
        assert crowd.inside == ["a1", "a2", "a3", "b1", "c1", "a4", "b2"]

    asyncio.run(check())


def test_members_of_a_lane_take_turns() -> None:
    async def check() -> None:
        crowd = Crowd(FairGate(1, 1))
        tasks = [asyncio.create_task(crowd.ask("a", "x")) for _ in range(4)]
        await crowd.settle()
        tasks += await crowd.enter("ay")
        assert crowd.inside == ["ax"]
        crowd.leave["ax"].set()
        await crowd.settle()
        crowd.leave["ay"].set()
        await asyncio.gather(*tasks)
        assert crowd.inside == ["ax", "ax", "ay", "ax", "ax"]

    asyncio.run(check())


def test_a_share_of_its_own_holds_for_one_lane() -> None:
    async def check() -> None:
        crowd = Crowd(FairGate(4, 2))
        await crowd.enter("a1", "a2", share=1)
        await crowd.enter("b1", "b2", "b3", share=3)
        assert crowd.inside == ["a1", "b1", "b2", "b3"]

    asyncio.run(check())


def test_too_many_waiting_and_waiting_too_long_are_refused() -> None:
    async def check() -> None:
        gate = FairGate(1, 1, max_waiting=2, max_wait_s=0.1)
        crowd = Crowd(gate)
        await crowd.enter("a1")
        waiting = await crowd.enter("a2", "a2")
        with pytest.raises(GateRefused):
            await crowd.ask("a", "2")
        for each in waiting:
            with pytest.raises(GateRefused):
                await each
        await crowd.go("a1")
        (last,) = await crowd.enter("a3")
        assert crowd.inside == ["a1", "a3"]
        await crowd.go("a3")
        await last
        assert (gate._free, gate._lanes, len(gate._turns)) == (1, {}, 0)

    asyncio.run(check())


def test_a_request_given_up_at_the_moment_of_its_turn_passes_it_on() -> None:
    async def check() -> None:
        crowd = Crowd(FairGate(1, 1))
        await crowd.enter("a1")
        (given_up, waits) = await crowd.enter("b1", "c1")
        crowd.leave["a1"].set()
        await asyncio.sleep(0)
        given_up.cancel()
        await crowd.settle()
        assert crowd.inside == ["a1", "c1"]
        await crowd.go("c1")
        await waits

    asyncio.run(check())


def test_requests_that_are_cancelled_as_a_slot_becomes_free_take_none() -> None:
    async def check() -> None:
        crowd = Crowd(FairGate(1, 1))
        (holder, *waiting) = await crowd.enter("a1", "a2", "a3", "b1")
        # As when a connection ends: the holder runs, and frees its slot, before the others do.
        for task in (holder, *waiting[:2]):
            task.cancel()
        ended = await asyncio.gather(holder, *waiting[:2], return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in ended)
        await crowd.settle()
        assert crowd.inside == ["a1", "b1"]
        await crowd.go("b1")
        await crowd.enter("a4")
        assert crowd.inside == ["a1", "b1", "a4"]

    asyncio.run(check())


def test_half_of_what_other_lanes_leave_is_never_nothing() -> None:
    async def check() -> None:
        gate = FairGate(8, 8)
        crowd = Crowd(gate)
        assert gate.half_of_rest("a") == 4
        await crowd.enter("a1", "a2", "a3", "a4")
        assert (gate.half_of_rest("a"), gate.half_of_rest("b")) == (4, 2)
        await crowd.enter("b1", "b2", "c1", "d1")
        assert gate.half_of_rest("e") == 1

    asyncio.run(check())


def test_a_free_slot_is_taken_at_once_unless_others_of_the_lane_wait() -> None:
    async def check() -> None:
        gate = FairGate(2, 1)
        crowd = Crowd(gate)
        first = gate.slot("a")
        assert first.take_free()
        assert not gate.slot("a").take_free()
        await crowd.enter("a1")
        assert crowd.inside == []
        first.leave()
        # It is the turn of the one that waited, although it has not run yet.
        assert not gate.slot("a").take_free()
        assert gate.slot("b").take_free()
        await crowd.settle()
        assert crowd.inside == ["a1"]

    asyncio.run(check())
