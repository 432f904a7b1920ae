"""Inbox feed: the calls of an inbox as they come, over connections that may be lost."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from math import ceil, inf
from typing import Final

from wakecall import NO_RETRIES, errors
from wakecall.cli.failures import Exit, Failure
from wakecall.cli.output import Row
from wakecall.cli.session import HEADERS, Session, is_id, parsed
from wakecall.cli.times import span

LATER: Final = "202"
"""The answer of an inbox after which the result of a run is reported."""

WAIT_S: Final = 25
_FIRST_S: Final = 1.0
_LONGEST_S: Final = 30.0
_LASTING: Final = (errors.Unauthenticated, errors.Forbidden, errors.NotFound, errors.InvalidMember)
"""Errors that no repetition ends."""


def inboxes(session: Session) -> list[Row]:
    """Return the inboxes of the account, the oldest first."""
    found: list[Row] = session.ask("GET", "/1/inboxes")
    return found


def find(session: Session, reference: str) -> Row:
    """Return the inbox of an id or a label. Raises Failure, and the library's errors."""
    if is_id(reference):
        found: Row = session.ask("GET", f"/1/inboxes/{reference}")
        return found
    named = [each for each in inboxes(session) if each["label"] == reference]
    if not named:
        raise Failure(
            Exit.NOT_FOUND,
            "Not found",
            f"There is no inbox {reference!r}.",
            "`wakecall inbox list` shows those of the account.",
        )
    return named[0]


class Feed:
    """Yields the calls that come to an inbox from now on; `count` of them were yielded.

    Tells on standard error when the connection is lost, and when it is there again.
    """

    def __init__(self, session: Session, inbox: Row, lasting: timedelta | None = None) -> None:
        """Begin now; the feed ends after `lasting`, None for one without an end."""
        self._session = session
        self._until = None if lasting is None else session.out.now + lasting
        self._path = f"/1/inboxes/{inbox['id']}/calls"
        self._after = int(inbox["calls"])
        connection = session.connection
        self._client = session.client_of(connection.url, connection.key, NO_RETRIES)
        self.count = 0

    def __iter__(self) -> Iterator[Row]:
        """Yield calls until the end. Raises the errors that no repetition ends."""
        failures = 0
        while (left := self._left_s()) > 0:
            try:
                calls = self._poll(0 if failures else ceil(min(WAIT_S, left)))
            except _LASTING:
                raise
            except errors.WakecallError as error:
                failures += 1
                self._pause(error, failures)
                continue
            if failures:
                self._session.out.hint("Connected again.")
                failures = 0
            for each in calls:
                self._note_lost(each["number"])
                self._after = each["number"]
                self.count += 1
                yield each

    def _left_s(self) -> float:
        """Return the seconds until the end."""
        if self._until is None:
            return inf
        return (self._until - self._session.out.now).total_seconds()

    def _poll(self, wait: int) -> list[Row]:
        """Return the calls after the last one; wait for one, except after a failure.

        Without the wait it shows at once that the connection is there again.
        """
        answer = self._client.request(
            "GET",
            self._path,
            params={"after": self._after, "wait": wait or None},
            headers=HEADERS,
            patience=wait,
        )
        found: list[Row] = parsed(answer)
        return found

    def _pause(self, error: errors.WakecallError, failures: int) -> None:
        """Wait before the next attempt: longer each time, and as long as the service asks."""
        seconds = min(_LONGEST_S, _FIRST_S * 2 ** min(failures - 1, 10)) * random.uniform(0.8, 1)  # noqa: S311 - spreads clients
        if isinstance(error, errors.ProblemError) and error.retry_after is not None:
            seconds = max(seconds, error.retry_after.total_seconds())
        self._session.out.hint(f"No connection: {error} Trying again in {span(seconds)}.")
        self._session.world.sleep(min(seconds, max(self._left_s(), 0.0)))

    def _note_lost(self, number: int) -> None:
        """Tell of calls that the inbox no longer keeps."""
        lost = number - self._after - 1
        if lost > 0:
            self._session.out.hint(f"{lost} calls came in between that the inbox does not keep.")
