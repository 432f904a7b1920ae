"""The Dapr API against a model: jobs of two apps, over HTTP, gRPC and the native API."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import grpc
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from werkzeug.test import TestResponse

from tests.api.dapr.rpc.client import Client as RpcClient
from tests.models.service import Service

LIMIT: Final = 4
"""How many jobs the account may have."""

APPS: Final = ("shop", "mail")
NAMES: Final = ("a", "ab", "b c", "Ü")
_VALUE: Final = "type.googleapis.com/google.protobuf.Value"
_POLICIES: Final[tuple[Any, ...]] = (
    {"drop": {}},
    {"constant": {"interval": "3s", "maxRetries": 5}},
)

Document = dict[str, Any]

_apps: Final = st.sampled_from(APPS)
_names: Final = st.sampled_from(NAMES)


def documents() -> st.SearchStrategy[Document]:
    """Documents that may be booked at any time, and some without a time."""
    return st.fixed_dictionaries(
        {},
        optional={
            "schedule": st.sampled_from(["@every 1h", "0 30 3 * * *"]),
            "dueTime": st.sampled_from(["2090-01-01T00:00:00Z", "1h"]),
            "data": st.sampled_from([{"a": [1, None]}, "text", 5]),
            "failurePolicy": st.sampled_from(_POLICIES),
        },
    )


@dataclass(slots=True)
class ModelJob:
    """A job as its client knows it."""

    document: Document
    is_under_way: bool = False
    """Whether a run of it was asked for, and has not ended."""

    @property
    def is_serial(self) -> bool:
        """Whether calls must not overlap."""
        return "schedule" in self.document


@dataclass(slots=True)
class Model:
    """The jobs of one account, by app and name."""

    jobs: dict[tuple[str, str], ModelJob] = field(default_factory=dict)

    def shown(self, app: str, name: str) -> Document:
        """The document of a job."""
        document = dict(self.jobs[app, name].document)
        if "data" in document:
            document["data"] = {"@type": _VALUE, "value": document["data"]}
        default = {"constant": {"interval": "1s", "maxRetries": 3}}
        return {"name": name, "failurePolicy": default, **document}


class DaprJobs(RuleBasedStateMachine):
    """Books, overwrites and ends jobs of two apps, and compares every response."""

    def __init__(self, service: Service, channel: grpc.Channel) -> None:
        super().__init__()
        self.service = service
        self.client = service.account(*APPS, jobs=LIMIT)
        self.rpc = RpcClient(channel, self.client.flask.environ_base["HTTP_X_API_KEY"])
        self.model = Model()

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.service.forget()

    def ask(self, method: str, app: str, name: str, document: object = None) -> TestResponse:
        """The response to a request for a job of an app."""
        path = f"/v1.0/jobs/{quote(name, safe='')}"
        return self.client.ask(method, path, document, dapr_app_id=app)

    @rule(app=_apps, name=_names, document=documents(), overwrite=st.booleans())
    def schedule(self, app: str, name: str, document: Document, *, overwrite: bool) -> None:
        """Book a job, or overwrite it."""
        sent = {**document, "overwrite": True} if overwrite else document
        answer = self.ask("POST", app, name, sent)
        if not {"schedule", "dueTime"} & set(document):
            assert _error(answer) == (400, "DAPR_SCHEDULER_SCHEDULE_EMPTY")
            return
        is_there = (app, name) in self.model.jobs
        refusals = {409} if is_there and not overwrite else set()
        if len(self.model.jobs) >= LIMIT and not (is_there and overwrite):
            refusals.add(403)
        if refusals:
            assert answer.status_code in refusals, answer.text
            return
        assert (answer.status_code, answer.data) == (204, b"")
        self.model.jobs[app, name] = ModelJob(document)

    @rule(app=_apps, name=_names, document=documents())
    def schedule_with_a_name(self, app: str, name: str, document: Document) -> None:
        """A name in the document is refused."""
        answer = self.ask("POST", app, name, {**document, "name": name})
        assert _error(answer) == (400, "DAPR_SCHEDULER_JOB_NAME")

    @rule(app=_apps, name=_names)
    def get(self, app: str, name: str) -> None:
        """Read a job."""
        answer = self.ask("GET", app, name)
        if (app, name) not in self.model.jobs:
            assert _error(answer) == (500, "DAPR_SCHEDULER_GET_JOB")
        else:
            assert (answer.status_code, answer.get_json()) == (200, self.model.shown(app, name))

    @rule(app=_apps, name=_names)
    def delete(self, app: str, name: str) -> None:
        """End a job, whether or not it is there."""
        answer = self.ask("DELETE", app, name)
        assert (answer.status_code, answer.data) == (204, b"")
        self.model.jobs.pop((app, name), None)

    @rule(app=_apps, prefix=st.sampled_from(["a", "ab", "b", "z", ""]))
    def delete_by_prefix(self, app: str, prefix: str) -> None:
        """End all jobs of an app whose names begin so."""
        self._of(app).delete_by_prefix(prefix)
        for each in [key for key in self.model.jobs if key[0] == app and key[1].startswith(prefix)]:
            del self.model.jobs[each]

    @rule(app=_apps)
    def list_jobs(self, app: str) -> None:
        """List the jobs of an app."""
        names = sorted((name for of, name in self.model.jobs if of == app), key=str.encode)
        found = self._of(app).list()
        assert [each.name for each in found] == names
        for each in found:
            document = self.model.jobs[app, each.name].document
            assert each.schedule == document.get("schedule", "")
            assert each.due_time == document.get("dueTime", "")

    @rule(app=_apps, name=_names)
    def delete_natively(self, app: str, name: str) -> None:
        """Delete a job by its id."""
        job_id = self._ids().get((app, name))
        if job_id is not None:
            assert self.client.ask("DELETE", f"/1/jobs/{job_id}").status_code == 204
            del self.model.jobs[app, name]

    @rule(app=_apps, name=_names)
    def pause_and_resume(self, app: str, name: str) -> None:
        """Pause a job, which ends its runs, and resume it; its app sees no difference."""
        job_id = self._ids().get((app, name))
        if job_id is None:
            return
        for action in ("pause", "resume"):
            answer = self.client.ask("POST", f"/1/jobs/{job_id}/{action}")
            assert answer.status_code == 200, answer.text
        self.model.jobs[app, name].is_under_way = False

    @rule(app=_apps, name=_names)
    def fire(self, app: str, name: str) -> None:
        """Let a job be called now; the calls of one that recurs do not overlap."""
        job_id = self._ids().get((app, name))
        if job_id is None:
            return
        job = self.model.jobs[app, name]
        answer = self.client.ask("POST", f"/1/jobs/{job_id}/fire")
        assert answer.status_code == (409 if job.is_serial and job.is_under_way else 202)
        job.is_under_way = True

    @rule(answer=st.sampled_from(["succeeded", "failed"]))
    def work(self, answer: str) -> None:
        """Let workers call what was asked for."""
        self.service.work(answer)
        for each in self.model.jobs.values():
            each.is_under_way = False

    @invariant()
    def all_jobs_are_listed(self) -> None:
        """The native API lists the jobs of all apps."""
        assert set(self._ids()) == set(self.model.jobs)

    def _ids(self) -> dict[tuple[str, str], str]:
        answer = self.client.ask("GET", "/1/jobs?view=full&dialect=dapr")
        assert answer.status_code == 200, answer.text
        return {(each["endpoint"], each["name"]): each["id"] for each in answer.get_json()}

    def _of(self, app: str) -> RpcClient:
        found = RpcClient(self.rpc.channel, None)
        found.metadata = (*self.rpc.metadata, ("dapr-app-id", app))
        return found


def _error(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, json.loads(answer.data)["errorCode"]
