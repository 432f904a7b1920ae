"""Queue choice: through which queue workers are notified of each run, shared by accounts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from app.domain.timings.claiming import ON_TIME_AT_ONCE, ON_TIME_S, WELL_SERVED
from app.domain.timings.leases import SUSPECT_AFTER
from app.store.claims import Claimed
from workers.notifier import ON_TIME, OVERDUE, SUSPECT


def by_queue(runs: Sequence[Claimed]) -> dict[str, list[Claimed]]:
    """The runs for each queue, in their order.

    Workers empty the queue of runs that are on time before the others. Of what is notified at once
    it has ON_TIME_AT_ONCE runs, which accounts share: one with few runs has all of them there,
    however many another has.
    """
    found: dict[str, list[Claimed]] = {ON_TIME: [], OVERDUE: [], SUSPECT: []}
    on_time = Counter(each.account_id for each in runs if _is_on_time(each))
    share = equal_share(on_time.values(), ON_TIME_AT_ONCE)
    served: Counter[int] = Counter()
    for each in runs:
        if each.reclaims >= SUSPECT_AFTER:
            found[SUSPECT].append(each)
        elif _is_on_time(each) and served[each.account_id] < share:
            served[each.account_id] += 1
            found[ON_TIME].append(each)
        else:
            found[OVERDUE].append(each)
    return found


def equal_share(wanted: Collection[int], most: int) -> int:
    """How many each may have where all together have `most`, at least 1.

    What one does not want is left to the others (max-min fairness).
    """
    share = left = most
    for number, each in enumerate(sorted(wanted)):
        share = left // (len(wanted) - number)
        if each > share:
            break
        left -= each
    return max(1, share)


def well_served(notified: Mapping[int, int]) -> list[int]:
    """The accounts that get no share of a claim, by how many overdue runs each has notified.

    None of them has less than half of an equal part: the runs of such an account may just wait
    behind those of one with many.
    """
    if not notified:
        return []
    most = max(WELL_SERVED, sum(notified.values()) // (2 * len(notified)))
    return [account for account, runs in notified.items() if runs > most]


def _is_on_time(run: Claimed) -> bool:
    return run.ahead > -ON_TIME_S
