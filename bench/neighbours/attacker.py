"""Attacker: operations of an account, prepared or done for some seconds, in a process of its own.

python -m bench.neighbours.attacker   reads and prints one JSON document
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
import time
from collections.abc import Coroutine, Iterator
from itertools import islice
from typing import Any, Final

from bench.hostile import links, other_machine
from bench.hostile.links import Score
from bench.hostile.target import Target
from bench.neighbours import estate, rpc_link
from bench.neighbours.operation import Operation, Surface
from bench.neighbours.operations import OPERATIONS
from bench.neighbours.rpc_link import REFUSED

FIRST: Final = 2
"""Requests of an operation that are checked."""

_GRACE_S: Final = 60
_TRIES: Final = 10
_AGAIN_S: Final = 0.5


async def check(target: Target) -> dict[str, dict[str, int]]:
    """Do each operation with its first requests alone; return the answers by status."""
    found = {}
    for each in OPERATIONS.values():
        for _ in range(_TRIES):
            score = Score()
            link = next(links_of(each, target, score, 1, most=FIRST))
            await link
            if REFUSED not in score.statuses:
                break
            await asyncio.sleep(_AGAIN_S)  # the account's rate limit
        found[each.name] = {f"{status}": n for status, n in score.statuses.items()}
    return found


async def carry_out(
    operations: list[Operation], target: Target, *, connections: int, seconds: float
) -> dict[str, Any]:
    """Do each operation on so many connections for `seconds`; return what each came to."""
    scores = {each.name: Score() for each in operations}
    began = time.perf_counter()
    tasks = [
        asyncio.ensure_future(link)
        for each in operations
        for link in links_of(each, target, scores[each.name], connections)
    ]
    await asyncio.sleep(seconds)
    done = [task for task in tasks if task.done()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
    return {
        "seconds": time.perf_counter() - began,
        "operations": {name: score.document() for name, score in scores.items()},
    }


def links_of(
    operation: Operation,
    target: Target,
    score: Score,
    connections: int,
    most: int = links.MAX_REQUESTS,
) -> Iterator[Coroutine[Any, Any, None]]:
    """The connections of an operation; each goes on until `most` requests have been sent."""
    for number in range(connections):
        requests = islice(operation.requests(target, number), most)
        if operation.surface is Surface.RPC:
            method = operation.name.removeprefix("RPC ")
            metadata = (("dapr-api-token", target.key), ("dapr-app-id", target.facts["app"]))
            yield rpc_link.ask(target.facts["rpc_port"], method, requests, metadata, score)
        else:
            port = target.facts["mcp_port"] if operation.surface is Surface.MCP else target.port
            yield links.ask(port, requests, score, most=most)


def main() -> None:
    """Prepare where sizes are given, or check all operations, or do some of them."""
    question = json.load(sys.stdin)
    target = Target(**question["target"])
    other_machine.give_way()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if "sizes" in question:
        found = estate.build(target, **question["sizes"])
    elif question.get("check"):
        found = asyncio.run(check(target))
    else:
        signal.alarm(int(question["seconds"]) + _GRACE_S)
        operations = [OPERATIONS[name] for name in question["operations"]]
        found = asyncio.run(
            carry_out(
                operations,
                target,
                connections=question["connections"],
                seconds=question["seconds"],
            )
        )
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
