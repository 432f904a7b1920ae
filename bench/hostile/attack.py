"""Attack: one deed, prepared or done for some seconds; in a process of its own.

python -m bench.hostile.attack   reads and prints one JSON document
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
import time
from typing import Any, Final

from bench.hostile import deeds, other_machine
from bench.hostile.deed import Deed
from bench.hostile.ground import Ground
from bench.hostile.links import Score

_GRACE_S: Final = 60


async def attack(deed: Deed, ground: Ground, seconds: float) -> dict[str, Any]:
    """Do the deed for `seconds`; returns its results."""
    score = Score()
    began = time.perf_counter()
    tasks = [asyncio.ensure_future(link) for link in deed.attack(ground, score)]
    done, pending = await asyncio.wait(tasks, timeout=seconds)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()
    return {**score.document(), "seconds": time.perf_counter() - began}


def main() -> None:
    """Prepare the deed where no seconds are given, and do it otherwise."""
    question = json.load(sys.stdin)
    deed, ground = deeds.named(question["deed"]), Ground(**question["ground"])
    seconds = question.get("seconds")
    other_machine.give_way()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if seconds is None:
        found = deed.prepare(ground) if deed.prepare is not None else {}
    else:
        signal.alarm(int(seconds) + _GRACE_S)
        found = asyncio.run(attack(deed, ground, seconds))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
