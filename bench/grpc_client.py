"""gRPC client: bookings of Dapr jobs over kept connections, each once, in a process of its own.

python -m bench.grpc_client   reads and prints one JSON document
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from itertools import count
from typing import Any

from grpc import aio

from app.protos.dapr_runtime_pb2 import Job, ScheduleJobRequest

_METHOD = "/dapr.proto.runtime.v1.Dapr/ScheduleJob"


async def measure(
    port: int,
    *,
    number: int,
    data: bytes,
    due_time: str,
    metadata: list[tuple[str, str]],
    connections: int,
) -> dict[str, Any]:
    """Book so many jobs, one after the other on each connection; how long it took in seconds.

    `refusal` is what the last booking that was refused was told, empty where none was.
    """
    requests = []
    for n in range(number):
        job = Job(name=f"job-{n}", due_time=due_time)
        job.data.value = data
        requests.append(ScheduleJobRequest(job=job).SerializeToString())
    numbers = count()
    refusals = [""]

    async def book(channel: aio.Channel) -> None:
        call: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_METHOD)
        while (n := next(numbers)) < number:
            try:
                await call(requests[n], metadata=tuple(metadata))
            except aio.AioRpcError as error:
                refusals.append(f"{error.code().name}: {error.details()}")

    # A channel of its own: channels of equal options would share one connection.
    channels = [
        aio.insecure_channel(f"127.0.0.1:{port}", options=(("grpc.use_local_subchannel_pool", 1),))
        for _ in range(connections)
    ]
    for each in channels:
        await each.channel_ready()
    began = time.perf_counter()
    await asyncio.gather(*map(book, channels))
    took = time.perf_counter() - began
    for each in channels:
        await each.close()
    return {"took": took, "refusal": refusals[-1]}


def main() -> None:
    """Do what the document on standard input says."""
    asked = json.load(sys.stdin)
    found = asyncio.run(
        measure(
            asked["port"],
            number=asked["count"],
            data=asked["data"].encode(),
            due_time=asked["due_time"],
            metadata=[(name, value) for name, value in asked["metadata"]],
            connections=asked["connections"],
        )
    )
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
