"""The order of the peers: `python -m bench.peers` measures all, `… celery` that one."""

from __future__ import annotations

import sys
from typing import Any

from bench import command, results
from bench.peers import round as peers


def main(arguments: list[str]) -> int:
    """Measure, and merge what all peers gave into the results kept last; 0 when all went well."""
    names = [peer.name for peer in peers.PEERS]
    benchmark = command.Benchmark(
        __doc__ or "", "python -m bench.peers", "peer", names, _found, peers.keep
    )
    return command.main(benchmark, arguments)


def _found(asked: command.Asked) -> dict[str, Any]:
    if not asked.chosen:
        peers.kept()  # fail now, not after the last peer, if something is missing
    wanted = [peer for peer in peers.PEERS if asked.wants(peer.name)]
    return peers.run(asked.plan, wanted, commit=results.commit())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
