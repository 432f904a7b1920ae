"""Jobs: booking them, finding them, and acting on them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Unpack

from wakecall._async.pages import AsyncPages
from wakecall._async.session import AsyncSession
from wakecall._core import keywords, values
from wakecall._core.requests import BRIEF, delete, get, path, post, put
from wakecall.filters import ListedJobs, job_parameters
from wakecall.models import Job, Put, Run
from wakecall.new_job import JobContent, JobOptions, NewJob


class AsyncJobs:
    """The jobs of the account. Each method raises WakecallError."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def book(
        self, url: str, *, idempotency_key: str | None = None, **options: Unpack[JobOptions]
    ) -> Job:
        """Book a call of `url`: give `when`, `after` or `cron`.

        Raises ValueError for options that contradict each other.
        """
        keywords.check("book", options, JobOptions)
        document = NewJob(url=url, **options).to_document()
        request = post("/1/jobs", document, idempotency_key=idempotency_key)
        return await self._session.send(request, values.one(Job))

    async def book_many(
        self, jobs: Iterable[NewJob], *, idempotency_key: str | None = None
    ) -> tuple[Job, ...]:
        """Book up to 1,000 jobs in one transaction: all of them, or none.

        A refusal names the first job that is wrong by its index: `[17].url`.
        """
        now = datetime.now(UTC)
        documents = [job.to_document(now) for job in jobs]
        request = post("/1/jobs/bulk", documents, idempotency_key=idempotency_key)
        return await self._session.send(request, values.many(Job))

    async def check(self, url: str, **options: Unpack[JobOptions]) -> Job:
        """The job as it would be booked, without its id; nothing is stored."""
        keywords.check("check", options, JobOptions)
        document = NewJob(url=url, **options).to_document()
        return await self._session.send(post("/1/jobs", document, dry_run=True), values.one(Job))

    async def put(
        self, name: str, url: str, *, dry_run: bool = False, **options: Unpack[JobContent]
    ) -> Put:
        """Create the job of that name, replace it, or leave it alone if it is like this already."""
        keywords.check("put", options, JobContent)
        document = NewJob(url=url, **options).to_document()
        request = put(path("jobs", "by-name", name), document, dry_run=dry_run or None)
        return await self._session.send(request, values.put)

    async def replace(self, job: str | Job, url: str, **options: Unpack[JobOptions]) -> Job:
        """Replace a job, whatever it was, by another one with the same id."""
        keywords.check("replace", options, JobOptions)
        document = NewJob(url=url, **options).to_document()
        return await self._session.send(put(path("jobs", id_of(job)), document), values.one(Job))

    async def get(self, job: str | Job) -> Job:
        """The job with that id."""
        return await self._session.send(get(path("jobs", id_of(job))), values.one(Job))

    async def by_name(self, name: str) -> Job:
        """The job of that name."""
        return await self._session.send(get(path("jobs", "by-name", name)), values.one(Job))

    def list(
        self, *, limit: int | None = None, cursor: str | None = None, **filters: Unpack[ListedJobs]
    ) -> AsyncPages[Job]:
        """The jobs that match the filters, the newest first; `limit` is the most of them in all."""
        keywords.check("list", filters, ListedJobs)
        request = get("/1/jobs", view="full", cursor=cursor, **job_parameters(filters))
        return self._session.pages(request, values.many(Job), limit)

    def ids(self, *, tags: Iterable[str] = (), limit: int | None = None) -> AsyncPages[str]:
        """The ids of the jobs that have all these tags, the oldest first."""
        request = get("/1/jobs", tag=tags, limit=1000)
        return self._session.pages(request, values.ids, limit)

    async def delete(self, job: str | Job) -> None:
        """Delete a job, with all that it would still do."""
        await self._session.send(delete(path("jobs", id_of(job))), values.nothing)

    async def delete_by_name(self, name: str) -> None:
        """Delete the job of that name."""
        await self._session.send(delete(path("jobs", "by-name", name)), values.nothing)

    async def fire(self, job: str | Job, *, idempotency_key: str | None = None) -> Run:
        """Call the job now; its schedule stays as it is."""
        request = post(path("jobs", id_of(job), "fire"), idempotency_key=idempotency_key)
        return await self._session.send(request, values.one(Run))

    async def pause(self, job: str | Job) -> Job:
        """Withdraw all future calls of a job, until it is resumed."""
        return await self._session.send(post(path("jobs", id_of(job), "pause")), values.one(Job))

    async def resume(self, job: str | Job) -> Job:
        """Set the next firing of a paused job again."""
        return await self._session.send(post(path("jobs", id_of(job), "resume")), values.one(Job))

    def runs(
        self,
        job: str | Job,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        brief: bool = False,
    ) -> AsyncPages[Run]:
        """The runs of a job, the newest first, also after the job has ended.

        With `brief`, each with its first and its newest attempt only, without headers and body.
        """
        view = BRIEF if brief else None
        request = get(path("jobs", id_of(job), "runs"), view=view, cursor=cursor)
        return self._session.pages(request, values.many(Run), limit)


def id_of(item: str | Job | Run) -> str:
    """The id of a job or run that is given as it is or by its id."""
    return item if isinstance(item, str) else item.id
