"""What an account cannot use yet, because its own threads are taken, it keeps from nobody."""

from __future__ import annotations

import asyncio
from typing import Final

from app.api.asgi import LONG_AT_ONCE
from bench.neighbours.operations import OPERATIONS
from tests.api.neighbours.standing import ACCOMPLICE, ATTACKER, VICTIM, standing
from tests.api.neighbours.test_operations_in_turn import (
    _PER_SENDER,
    OTHERS,
    answered,
    target_of,
)

_TURNS: Final = 50
"""So many times does the event loop go round until a body that has arrived waits for its turn."""


def test_bulks_that_wait_for_their_own_account_keep_none_of_another_waiting() -> None:
    async def check() -> None:
        async with standing(ATTACKER) as web:
            target = target_of(ATTACKER)
            web.begin(ATTACKER, OPERATIONS["GET native.get_job"], target)
            await web.until_inside(ATTACKER, _PER_SENDER)
            web.begin(ATTACKER, OPERATIONS["POST native.create_jobs"], target, 2 * LONG_AT_ONCE)
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            assert web.asgi._uploads._budget.held(ATTACKER.number) == 2 * LONG_AT_ONCE
            await answered(web, OTHERS["a bulk"], 0)
            assert web.inside_of(ATTACKER) == _PER_SENDER
            assert web.inside_of(VICTIM) == 0

    asyncio.run(check())


def test_bulks_that_wait_for_those_of_others_leave_threads_to_other_requests() -> None:
    async def check() -> None:
        async with standing(ATTACKER, ACCOMPLICE, threads=2) as web:
            thread = web.asgi._gate.slot("another", share=2)
            place = web.asgi._long.slot("another")
            for _ in range(2):
                await thread.take()
            for each in (ATTACKER, ACCOMPLICE):
                web.begin(each, OPERATIONS["POST native.create_jobs"], target_of(each), 1)
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            begun = {*web.asgi._long_next._lanes}
            for _ in range(LONG_AT_ONCE):
                await place.take()
            for _ in range(2):
                thread.leave()
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            is_free = web.asgi._gate.has_room(VICTIM.number, 1)
            for _ in range(LONG_AT_ONCE):
                place.leave()
            assert begun == {ATTACKER.number, ACCOMPLICE.number}
            assert is_free

    asyncio.run(check())
