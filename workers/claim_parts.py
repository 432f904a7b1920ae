"""Claim parts: claims what is due in parts, so that no tick of the scheduler takes long."""

from __future__ import annotations

from collections.abc import Callable

from app.domain.timings.claiming import CLAIM_S, CLAIMED_AT_ONCE
from app.store.claims import Claimed, Claims


def claim_in_parts(
    claim: Callable[[int], Claims], *, budget: int, clock: Callable[[], float]
) -> tuple[list[Claimed], bool]:
    """Claim parts of up to CLAIMED_AT_ONCE rows until the budget, or CLAIM_S, is used up.

    Return what was claimed, and whether there may be more. As soon as firings are postponed, or
    rows are left because of what their jobs have missed, no further part is claimed: both take
    long, and the runs of others wait for the end of the tick.
    """
    claimed: list[Claimed] = []
    began = clock()
    while budget > 0:
        most = min(budget, CLAIMED_AT_ONCE)
        part = claim(most)
        claimed += part.runs
        if part.found < most and not part.is_cut:
            return claimed, False
        if part.is_cut or part.postponed or clock() - began >= CLAIM_S:
            break
        budget -= most
    return claimed, True
