"""Native model: the jobs, runs and kept responses of one account, as its client knows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tests.models.documents import Document, next_of, shown

LIMIT: Final = 4
"""How many jobs the account may have."""


@dataclass(slots=True)
class ModelJob:
    """A job as its client knows it."""

    id: str
    members: Document
    version: int = 1

    def document(self, account: str) -> Document:
        """The job as it is shown."""
        following = next_of(self.members)
        last = {} if following is None else {"next": following}
        return {"id": self.id, "account": account, **self.members, **last}


@dataclass(slots=True)
class ModelRun:
    """A run that was asked for."""

    id: str
    job: str
    version: int
    state: str = "claimed"
    is_cancelled: bool = False
    attempts: int = 0


@dataclass(slots=True)
class Model:
    """What an account has."""

    jobs: dict[str, ModelJob] = field(default_factory=dict)
    """By id, in the order in which they were booked."""
    known: list[str] = field(default_factory=list)
    """The ids of all jobs that there have been."""
    runs: dict[str, ModelRun] = field(default_factory=dict)
    kept: dict[str, tuple[Document, bytes]] = field(default_factory=dict)
    """By Idempotency-Key: the request, and its response."""

    def named(self, name: str | None) -> ModelJob | None:
        """The job of that name."""
        return next(
            (each for each in self.jobs.values() if name and each.members.get("name") == name), None
        )

    def add(self, job_id: str, document: Document) -> ModelJob:
        """Book a job."""
        self.jobs[job_id] = ModelJob(job_id, shown(document))
        self.known.append(job_id)
        return self.jobs[job_id]

    def replace(self, job: ModelJob, document: Document) -> None:
        """Give a job its next version."""
        job.members, job.version = shown(document), job.version + 1
        if job.members.get("enabled") is False:
            self.cancel(job.id)

    def cancel(self, job_id: str) -> None:
        """Withdraw all runs of a job that are under way."""
        for each in self.runs.values():
            if each.job == job_id and each.state == "claimed":
                each.is_cancelled = True

    def refusals(self, names: list[str | None], number: int) -> set[int]:
        """With which statuses a booking of so many jobs with these names may be refused."""
        given = [each for each in names if each]
        taken = any(self.named(each) for each in given) or len(set(given)) < len(given)
        found = {409} if taken else set()
        return found | {403} if len(self.jobs) + number > LIMIT else found
