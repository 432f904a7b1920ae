"""Client: the service as a program sees it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal, Self, Unpack

import httpx2

from wakecall._core import keywords, values
from wakecall._core.answers import Answer
from wakecall._core.configuration import configure
from wakecall._core.requests import Parameter, get, instant, post, raw, to_json
from wakecall._core.waiting import deadline_of, due_of, firing_of, left, pause
from wakecall._sync.account import Apps, Keys, Runners, Secrets
from wakecall._sync.inboxes import Inboxes
from wakecall._sync.jobs import Jobs
from wakecall._sync.pages import Pages
from wakecall._sync.runs import Runs
from wakecall._sync.session import Session
from wakecall.errors import NotOver
from wakecall.filters import JobFilters, job_parameters
from wakecall.models import (
    Account,
    Accuracy,
    AuditEntry,
    Destinations,
    Firing,
    FiringLoad,
    Job,
    OnGap,
    OnOverlap,
    Preview,
    Run,
)
from wakecall.retries import Retries

_LOOKED_AT = 20
"""Runs of a job among which the one that is waited for is looked for."""


class Client:
    """A client of one Wakecall. Make one for a whole program, and share it.

    Use it as a context manager, or close it at the end. Each method raises WakecallError.
    """

    _session_type: ClassVar[type[Session]] = Session

    def __init__(
        self,
        key: str | None = None,
        *,
        url: str | None = None,
        timeout: float = 10.0,
        retries: Retries | None = None,
        http: httpx2.Client | None = None,
        account: str | None = None,
    ) -> None:
        """Make a client; nothing is sent yet. Raises NotConfigured, and ValueError for `timeout`.

        `key` is the API key, else that of the environment's WAKECALL_KEY, and `url` the address,
        else WAKECALL_URL. `timeout` limits each attempt, in seconds. `http` is a client of httpx2
        to send with, for proxies, certificates or tests. With `account` the service refuses a key
        of another account.
        """
        self._configuration = configure(key, url, account)
        self._session = self._session_type(
            self._configuration, timeout=timeout, retries=retries or Retries(), http=http
        )
        self.jobs = Jobs(self._session)
        self.runs = Runs(self._session)
        self.inboxes = Inboxes(self._session)
        self.secrets = Secrets(self._session)
        self.keys = Keys(self._session)
        self.apps = Apps(self._session)
        self.runners = Runners(self._session)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(url={self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    @property
    def url(self) -> str:
        """The address of the service."""
        return self._configuration.url

    def account(self) -> Account:
        """The account of the key: its name, its limits and what it uses of them."""
        return self._session.send(get("/1/account"), values.one(Account))

    def accuracy(self) -> Accuracy:
        """How late the account's calls began, in the last hour and day."""
        return self._session.send(get("/1/accuracy"), values.one(Accuracy))

    def preview(  # noqa: PLR0913 - all are keyword-only
        self,
        *,
        cron: str | None = None,
        when: datetime | str | None = None,
        timezone: str | None = None,
        on_gap: OnGap | None = None,
        on_overlap: OnOverlap | None = None,
        after: datetime | str | None = None,
        count: int | None = None,
        dialect: Literal["native", "dapr", "fusion"] | None = None,
        schedule: Mapping[str, Any] | None = None,
    ) -> Preview:
        """What a schedule would do, without booking it: its next `count` firings from `after` on.

        `schedule` has the members of another `dialect`.
        """
        is_local = timezone is not None
        members = {
            "dialect": dialect,
            "cron": cron,
            "when": None if when is None else instant(when, is_local=is_local),
            "timezone": timezone,
            "onGap": on_gap,
            "onOverlap": on_overlap,
            "after": None if after is None else instant(after, is_local=is_local),
            "count": count,
            **(schedule or {}),
        }
        document = {name: value for name, value in members.items() if value is not None}
        return self._session.send(post("/1/preview", document), values.one(Preview))

    def upcoming(
        self,
        *,
        until: datetime | str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        **filters: Unpack[JobFilters],
    ) -> Pages[Firing]:
        """The next firing of each job that matches the filters, the earliest first."""
        keywords.check("upcoming", filters, JobFilters)
        request = get("/1/upcoming", until=until, cursor=cursor, **job_parameters(filters))
        return self._session.pages(request, values.many(Firing), limit)

    def upcoming_counts(self) -> FiringLoad:
        """How many jobs fire next in each hour of a day."""
        return self._session.send(get("/1/upcoming/counts"), values.one(FiringLoad))

    def destinations(self) -> Destinations:
        """The destinations for which calls wait."""
        return self._session.send(get("/1/destinations"), values.one(Destinations))

    def audit(
        self,
        *,
        action: str | None = None,
        key: str | None = None,
        user: str | None = None,
        after: datetime | str | None = None,
        before: datetime | str | None = None,
        limit: int | None = None,
    ) -> Pages[AuditEntry]:
        """Changes to the account and who made them, the newest first."""
        request = get("/1/audit", action=action, key=key, user=user, after=after, before=before)
        return self._session.pages(request, values.many(AuditEntry), limit)

    def wait_for(self, awaited: Job | Run, timeout: timedelta | str | float = 60.0) -> Run:
        """The run, or the job's next run, once it is over; raises NotOver after `timeout`.

        A run that waits for a retry is not over.
        """
        due, looks = due_of(awaited), 0
        deadline = deadline_of(datetime.now(UTC), timeout)
        while True:
            now = datetime.now(UTC)
            run = None if due > now and looks == 0 else self._look(awaited, due)
            if run is not None and run.is_over:
                return run
            remaining = left(deadline, datetime.now(UTC))
            if remaining == 0:
                state = "has not begun" if run is None else f"is {run.state}"
                raise NotOver(f"The run is not over: it {state}.")
            next_due = due if run is None else run.next_attempt
            time.sleep(min(pause(looks, next_due, datetime.now(UTC)), remaining))
            looks += 1

    def _look(self, awaited: Job | Run, due: datetime) -> Run | None:
        if isinstance(awaited, Run):
            return self.runs.get(awaited)
        runs = self.jobs.runs(awaited, limit=_LOOKED_AT).first()
        return firing_of(runs.items, due)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Parameter] | None = None,
        json: object = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        patience: float = 0.0,
    ) -> Answer:
        """Send any request, as `("GET", "/1/account")`, with the key and the retries of the client.

        `json` is a document to send, `data` a body as it is, and `patience` seconds that the
        service may take beyond the timeout. A parameter is named as the API names it. Raises
        ProblemError if the service refuses it, and ValueError for what cannot be sent.
        """
        given = dict(headers or {})
        if json is not None:
            given = {"Content-Type": "application/json", **given}
        request = raw(
            method,
            path,
            params=params,
            body=data if json is None else to_json(json),
            headers=given,
            idempotency_key=idempotency_key,
            patience=patience,
        )
        return self._session.send(request, values.whole)
