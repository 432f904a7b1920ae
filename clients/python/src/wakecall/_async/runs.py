"""Runs: what became of calls, sending them again, and reporting their results."""

from __future__ import annotations

from datetime import datetime
from typing import Unpack

from wakecall._async.jobs import id_of
from wakecall._async.pages import AsyncPages
from wakecall._async.session import AsyncSession
from wakecall._core import keywords, values
from wakecall._core.requests import BRIEF, complete, get, path, post
from wakecall.filters import RunFilters, run_members
from wakecall.models import Attempt, Bucket, Failures, Redelivery, Result, Run, RunCount


class AsyncRuns:
    """The runs of the account. Each method raises WakecallError."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, run: str | Run) -> Run:
        """The run with that id, with its newest 20 attempts."""
        return await self._session.send(get(path("runs", id_of(run))), values.one(Run))

    def list(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        brief: bool = False,
        **filters: Unpack[RunFilters],
    ) -> AsyncPages[Run]:
        """The runs that match the filters, the newest first; `limit` is the most of them in all.

        With `brief`, each with its first and its newest attempt only, without headers and body.
        """
        keywords.check("list", filters, RunFilters)
        view = BRIEF if brief else None
        request = get("/1/runs", view=view, cursor=cursor, **run_members(filters))
        return self._session.pages(request, values.many(Run), limit)

    def attempts(
        self, run: str | Run, *, limit: int | None = None, cursor: str | None = None
    ) -> AsyncPages[Attempt]:
        """All attempts of a run, the newest first."""
        request = get(path("runs", id_of(run), "attempts"), cursor=cursor)
        return self._session.pages(request, values.many(Attempt), limit)

    def counts(
        self,
        *,
        bucket: Bucket = "1h",
        after: datetime | str | None = None,
        before: datetime | str | None = None,
    ) -> AsyncPages[RunCount]:
        """How many runs ended in which state, by the time at which they were due."""
        request = get("/1/runs/counts", bucket=bucket, after=after, before=before)
        return self._session.pages(request, values.many(RunCount))

    async def failures(self, *, after: datetime | str | None = None) -> Failures:
        """Failed and dead runs of the last day, or of those due then or later, by their job."""
        return await self._session.send(get("/1/runs/failures", after=after), values.one(Failures))

    async def redeliver(self, run: str | Run, *, idempotency_key: str | None = None) -> Run:
        """Send a run that is over again."""
        request = post(path("runs", id_of(run), "redeliver"), idempotency_key=idempotency_key)
        return await self._session.send(request, values.one(Run))

    async def redeliver_all(
        self,
        *,
        dry_run: bool = True,
        cursor: str | None = None,
        idempotency_key: str | None = None,
        **filters: Unpack[RunFilters],
    ) -> Redelivery:
        """Send failed and dead runs again, up to 10,000, or only count them, as by default.

        If there are `more`, call again with the `cursor` of the answer.
        """
        keywords.check("redeliver_all", filters, RunFilters)
        document = {**run_members(filters), "dryRun": dry_run}
        if cursor is not None:
            document["cursor"] = cursor
        request = post("/1/runs/redeliver", document, idempotency_key=idempotency_key)
        return await self._session.send(request, values.one(Redelivery))

    async def complete(
        self,
        run: str | Run,
        status: Result = "succeeded",
        *,
        message: str | None = None,
        token: str | None = None,
    ) -> Run:
        """Report the result of a run whose receiver answered `complete_later`.

        `token` is the completion token of the call, which stands in for an API key.
        """
        document = {"status": status} if message is None else {"status": status, "message": message}
        request = complete(id_of(run), document, token)
        return await self._session.send(request, values.one(Run))
