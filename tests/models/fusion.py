"""The Fusion API against a model: schedules, tasks, chains and actions of one account."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from werkzeug.test import TestResponse

from tests.models.service import Service

RESOURCES: Final = ("datasource:films", "spark:rollup", "task:clean", "task:mail")
TASKS: Final = ("clean", "mail")
_ENDS: Final = {
    "on_success": {"success"},
    "on_failure": {"failed"},
    "on_abort": {"aborted"},
    "on_completion": {"success", "failed", "aborted"},
}
_CRON: Final = {"type": "cron", "enabled": True, "value": "0 15 10 ? * *"}

Document = dict[str, Any]

_resources: Final = st.sampled_from(RESOURCES)
_tasks: Final = st.sampled_from(TASKS)
_apps: Final = st.sampled_from([None, "films"])


def schedules() -> st.SearchStrategy[Document]:
    """Schedules, which may close a cycle."""
    after = st.builds(
        lambda upstream, end: {
            "type": "job_completion",
            "otherJob": upstream,
            "triggerType": end,
        },
        _resources,
        st.sampled_from(list(_ENDS)),
    )
    triggers = st.lists(st.one_of(st.just(_CRON), after), max_size=2)
    return st.fixed_dictionaries({"triggers": triggers}, optional={"enabled": st.booleans()})


def tasks() -> st.SearchStrategy[Document]:
    """What a task calls."""
    return st.builds(
        lambda method, entity: {
            "type": "rest-call",
            "callParams": {"uri": "http://127.0.0.1/x", "method": method, "entity": entity},
        },
        st.sampled_from(["post", "put"]),
        st.sampled_from(["one", "two"]),
    )


@dataclass(slots=True)
class ModelJob:
    """A job as its client knows it."""

    schedule: Document | None = None
    task: Document | None = None
    apps: set[str] = field(default_factory=set)
    runs: list[str] = field(default_factory=list)
    """The statuses of its runs, the oldest first."""

    @property
    def is_enabled(self) -> bool:
        """Whether its triggers may start it."""
        return self.schedule is None or self.schedule.get("enabled", True)

    @property
    def is_running(self) -> bool:
        """Whether a run is under way."""
        return bool(self.runs) and self.runs[-1] == "running"

    def follows(self) -> dict[str, set[str]]:
        """The jobs that it follows, with the ends that start it."""
        found: dict[str, set[str]] = {}
        for each in (self.schedule or {}).get("triggers", []):
            if "otherJob" in each:
                found.setdefault(each["otherJob"], set()).update(_ENDS[each["triggerType"]])
        return found


class Model(dict[str, ModelJob]):
    """The jobs of one account, by resource."""

    def end(self, ended: dict[str, str]) -> None:
        """End runs of these jobs, each so, then start what follows them."""
        for resource, status in ended.items():
            self[resource].runs[-1] = status
        for job in self.values():
            follows = job.follows()
            is_followed = any(how in follows.get(each, ()) for each, how in ended.items())
            if is_followed and job.is_enabled and not job.is_running:
                job.runs.append("running")

    def has_cycle(self, resource: str, schedule: Document) -> bool:
        """Whether the job would start itself again with this schedule."""
        edges = {name: set(job.follows()) for name, job in self.items()}
        edges[resource] = set(ModelJob(schedule).follows())
        met, to_read = set[str](), list(edges[resource])
        while to_read:
            each = to_read.pop()
            if each not in met:
                met.add(each)
                to_read += edges.get(each, ())
        return resource in met


class FusionJobs(RuleBasedStateMachine):
    """Saves schedules and tasks, starts and aborts jobs, and compares every response."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self.service = service
        self.client = service.account()
        self.model = Model()

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.service.forget()

    def find(self, resource: str, app: str | None) -> ModelJob | None:
        """The job of that resource, if it belongs to the app."""
        job = self.model.get(resource)
        return None if job is None or (app is not None and app not in job.apps) else job

    # Schedules.

    @rule(resource=_resources, schedule=schedules(), app=_apps)
    def save(self, resource: str, schedule: Document, app: str | None) -> None:
        """Save a schedule; a task must be there before."""
        answer = self.client.ask("PUT", f"{_base(app)}/jobs/{resource}/schedule", schedule)
        job = self.model.get(resource)
        if job is None and resource.startswith("task:"):
            assert answer.status_code == 404, answer.text
            return
        if self.model.has_cycle(resource, schedule):
            assert answer.status_code == 400, answer.text
            return
        shown = {"resource": resource, **schedule}
        assert (answer.status_code, answer.get_json()) == (200, shown)
        if job is None:
            job = self.model[resource] = ModelJob()
        elif job.is_enabled and not schedule.get("enabled", True) and job.is_running:
            self.model.end({resource: "aborted"})
        job.schedule = schedule
        job.apps |= {app} if app is not None else set()

    @rule(resource=_resources, app=_apps)
    def read_schedule(self, resource: str, app: str | None) -> None:
        """Read a schedule."""
        answer = self.client.ask("GET", f"{_base(app)}/jobs/{resource}/schedule")
        job = self.find(resource, app)
        if job is None:
            assert answer.status_code == 404
            return
        saved = {"enabled": True, "triggers": []} if job.schedule is None else job.schedule
        assert (answer.status_code, answer.get_json()) == (200, {"resource": resource, **saved})

    @rule(resource=_resources, app=_apps)
    def remove_schedule(self, resource: str, app: str | None) -> None:
        """Remove a schedule; the job stays."""
        answer = self.client.ask("DELETE", f"{_base(app)}/jobs/{resource}/schedule")
        job = self.find(resource, app)
        assert answer.status_code == (404 if job is None else 204)
        if job is not None:
            job.schedule = None

    @rule(resource=_resources, app=_apps)
    def delete(self, resource: str, app: str | None) -> None:
        """Delete a job with its schedule and its task."""
        answer = self.client.ask("DELETE", f"{_base(app)}/jobs/{resource}")
        self._deleted(answer, resource, app)

    def _deleted(self, answer: TestResponse, resource: str, app: str | None) -> None:
        job = self.find(resource, app)
        if job is None:
            assert answer.status_code == 404
            return
        assert (answer.status_code, answer.data) == (204, b"")
        if job.is_running:
            self.model.end({resource: "aborted"})
        del self.model[resource]

    # Tasks.

    @rule(task=_tasks, document=tasks(), app=_apps)
    def create_task(self, task: str, document: Document, app: str | None) -> None:
        """Create a task, whose id must be free."""
        sent = {"id": task, **document}
        answer = self.client.ask("POST", f"{_base(app)}/tasks", sent)
        if f"task:{task}" in self.model:
            assert (answer.status_code, answer.get_json()["member"]) == (409, "id")
            return
        assert (answer.status_code, answer.get_json()) == (200, sent)
        self.model[f"task:{task}"] = ModelJob(None, sent, {app} if app is not None else set())

    @rule(task=_tasks, document=tasks(), app=_apps)
    def put_task(self, task: str, document: Document, app: str | None) -> None:
        """Create or replace a task; its schedule stays."""
        sent = {"id": task, **document}
        answer = self.client.ask("PUT", f"{_base(app)}/tasks/{task}", sent)
        assert (answer.status_code, answer.get_json()) == (200, sent)
        job = self.model.setdefault(f"task:{task}", ModelJob())
        job.task = sent
        job.apps |= {app} if app is not None else set()

    @rule(task=_tasks, app=_apps)
    def delete_task(self, task: str, app: str | None) -> None:
        """Delete a task with its job."""
        answer = self.client.ask("DELETE", f"{_base(app)}/tasks/{task}")
        self._deleted(answer, f"task:{task}", app)

    # Runs.

    @rule(resource=_resources, app=_apps, action=st.sampled_from(["start", "abort"]))
    def act(self, resource: str, app: str | None, action: str) -> None:
        """Start or abort a job."""
        answer = self.client.ask(
            "POST", f"{_base(app)}/jobs/{resource}/actions", {"action": action}
        )
        job = self.find(resource, app)
        if job is None:
            assert answer.status_code == 404
            return
        was_running = job.is_running
        assert answer.get_json()["accepted"] is (was_running == (action == "abort"))
        if action == "start" and not was_running:
            job.runs.append("running")
        elif action == "abort" and was_running:
            self.model.end({resource: "aborted"})

    @rule(answer=st.sampled_from(["succeeded", "failed"]))
    def work(self, answer: str) -> None:
        """Let workers make all calls that wait."""
        self.service.work(answer)
        status = "success" if answer == "succeeded" else "failed"
        self.model.end({name: status for name, job in self.model.items() if job.is_running})

    @rule(resource=_resources, app=_apps)
    def read_history(self, resource: str, app: str | None) -> None:
        """Read the runs of a job."""
        answer = self.client.ask("GET", f"{_base(app)}/jobs/{resource}/history")
        job = self.find(resource, app)
        if job is None:
            assert answer.status_code == 404
        else:
            assert [each["status"] for each in answer.get_json()] == job.runs[::-1]

    # Lists.

    @invariant()
    def all_jobs_are_listed(self) -> None:
        """The status of each job is the model's, with and without an app."""
        for app in (None, "films"):
            wanted = [
                self._status(name)
                for name in sorted(self.model)
                if self.find(name, app) is not None
            ]
            found = self.client.ask("GET", f"{_base(app)}/jobs").get_json()
            assert [_comparable(each) for each in found] == wanted
            listed = self.client.ask("GET", f"{_base(app)}/tasks").get_json()
            jobs = [self.find(name, app) for name in sorted(self.model)]
            assert listed == [job.task for job in jobs if job is not None and job.task is not None]

    def _status(self, resource: str) -> Document:
        job = self.model[resource]
        has_time = _CRON in (job.schedule or {}).get("triggers", [])
        return {
            "resource": resource,
            "enabled": job.is_enabled,
            "status": job.runs[-1] if job.runs else None,
            "has_next": has_time and job.is_enabled,
            "missing": sorted(each for each in job.follows() if each not in self.model),
        }


def _comparable(status: Document) -> Document:
    return {
        "resource": status["resource"],
        "enabled": status["enabled"],
        "status": status.get("status"),
        "has_next": "nextStartTime" in status,
        "missing": status.get("extra", {}).get("missing", []),
    }


def _base(app: str | None) -> str:
    return "/api" if app is None else f"/api/apps/{app}"
