"""Victim: the requests of the account that is measured, each kind at an even rate.

python -m bench.neighbours.victim   reads and prints one JSON document
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from bench import paced
from bench.neighbours import rpc_link


async def measure(
    kinds: Mapping[str, Mapping[str, Any]], **when: float
) -> dict[str, dict[str, Any]]:
    """What bench.paced finds of each kind of request; `when` are its other arguments."""
    async with AsyncExitStack() as stack:
        asks = {name: await _ask_of(each, stack) for name, each in kinds.items()}
        found = await asyncio.gather(
            *(
                ask(per_s=each["per_s"], **when)
                for ask, each in zip(asks.values(), kinds.values(), strict=True)
            )
        )
    return dict(zip(asks, found, strict=True))


async def _ask_of(
    kind: Mapping[str, Any], stack: AsyncExitStack
) -> Callable[..., Awaitable[dict[str, Any]]]:
    """How one kind of request is measured: an RPC, or a request on a connection of its own."""
    port, text = kind["port"], kind["request"].encode("latin-1")
    if "method" not in kind:
        return lambda **when: paced.measure(port, text, source=kind["source"], **when)
    channel = await stack.enter_async_context(rpc_link.connect(port))
    metadata = tuple((name, value) for name, value in kind["metadata"])
    return lambda **when: paced.pace(
        lambda: rpc_link.call(channel, kind["method"], text, metadata), **when
    )


if __name__ == "__main__":
    json.dump(asyncio.run(measure(**json.load(sys.stdin))), sys.stdout)
