"""Job names: a name belongs to one job of its account, and a Conflict says to which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from app.domain.account import Account
from app.domain.checks import quoted
from app.domain.job import Booking
from app.errors import Conflict
from app.service.context import Context
from app.store.job_names import NameTaken, holder


def check_distinct(bookings: Sequence[Booking]) -> None:
    """Raise Conflict if two of these bookings have the same name."""
    names: dict[str, int] = {}
    for index, booking in enumerate(bookings):
        if booking.name is None:
            continue
        if booking.name in names:
            raise _taken(booking.name, f"job {names[booking.name]} of this document").at(index)
        names[booking.name] = index


def check_each_free(context: Context, account: Account, bookings: Sequence[Booking]) -> None:
    """Raise Conflict for the first of these bookings whose name another job has now."""
    for index, booking in enumerate(bookings):
        try:
            check_free(context, account, booking)
        except Conflict as error:
            raise error.at(index) from None


def check_free(context: Context, account: Account, booking: Booking) -> None:
    """Raise Conflict if another job has the name of this booking now."""
    if booking.name is None:
        return
    with context.database.statement() as connection:
        job_id = holder(connection, account.id, booking.name)
    if job_id is not None:
        raise _taken(booking.name, f"job {job_id}")


@contextmanager
def explain_conflict(context: Context, account: Account, booking: Booking) -> Iterator[None]:
    """Turn a NameTaken inside the context into a Conflict that names the other job."""
    try:
        yield
    except NameTaken:
        name = booking.name or ""
        with context.database.statement() as connection:
            job_id = holder(connection, account.id, name)
        raise _taken(name, "another job" if job_id is None else f"job {job_id}") from None


def _taken(name: str, whose: str) -> Conflict:
    return Conflict(
        f"The name {quoted(name)} is already used by {whose}.",
        member="name",
        remedy="Choose another name, or update or delete the job that has it.",
    )
