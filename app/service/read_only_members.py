"""Read-only members: those of a job's document that only the service sets."""

from __future__ import annotations

from datetime import datetime

from app.domain import instants
from app.domain.job import Job, ReadOnlyMembers
from app.domain.timings.claiming import LOOK_AHEAD
from app.errors import InvalidMember


def check(read_only: ReadOnlyMembers, current: Job, now: datetime) -> None:
    """Refuse a document whose read-only members differ from the stored ones; raises InvalidMember.

    A `next` in the past is accepted: it was correct when the client read it, and the job has fired
    since. So is a `next` that is at most LOOK_AHEAD ahead, because it may already be claimed.
    """
    next_at = None if read_only.next is None else instants.parse(read_only.next, member="next")
    if next_at is not None and next_at <= now + LOOK_AHEAD:
        next_at = None
    stored = {"id": str(current.id), "account": current.account, "next": current.next_at}
    given = {"id": read_only.id, "account": read_only.account, "next": next_at}
    for member, value in given.items():
        if value is not None and value != stored[member]:
            raise InvalidMember(
                member,
                f"{member} is read-only, and the value sent differs from the stored value.",
                remedy=f"Omit {member}, or send the value that GET returns now.",
            )
