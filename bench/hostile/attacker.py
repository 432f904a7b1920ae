"""Attacker: one attack, prepared or done for some seconds; in a process of its own.

python -m bench.hostile.attacker reads and prints one JSON document
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
import time
from typing import Any, Final

from bench.hostile import attacks, other_machine
from bench.hostile.attack import Attack
from bench.hostile.links import Score
from bench.hostile.target import Target

_GRACE_S: Final = 60


async def carry_out(attack: Attack, target: Target, seconds: float) -> dict[str, Any]:
    """Do the attack for `seconds`; returns its results."""
    score = Score()
    began = time.perf_counter()
    tasks = [asyncio.ensure_future(link) for link in attack.connect(target, score)]
    done, pending = await asyncio.wait(tasks, timeout=seconds)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()
    return {**score.document(), "seconds": time.perf_counter() - began}


def main() -> None:
    """Prepare the attack where no seconds are given, and do it otherwise."""
    question = json.load(sys.stdin)
    attack, target = attacks.named(question["attack"]), Target(**question["target"])
    seconds = question.get("seconds")
    other_machine.give_way()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if seconds is None:
        found = attack.prepare(target) if attack.prepare is not None else {}
    else:
        signal.alarm(int(seconds) + _GRACE_S)
        found = asyncio.run(carry_out(attack, target, seconds))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
