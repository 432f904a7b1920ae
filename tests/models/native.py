"""The native API against a model: jobs of one account, their names and their runs."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import quote

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from werkzeug.test import TestResponse

from tests.models.documents import (
    NAMES,
    TAGS,
    WHENS,
    Document,
    documents,
    equals,
    shown,
)
from tests.models.native_model import LIMIT, Model, ModelJob, ModelRun
from tests.models.service import Service

ANY: Final = st.integers(0, 11)
"""Chooses one of what there has been; more than there is, so that it may be gone."""

_KEYS: Final = st.sampled_from(["k1", "k2"])


class NativeJobs(RuleBasedStateMachine):
    """Books, changes and ends jobs as a client, and compares every response."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self.service = service
        self.client = service.account(jobs=LIMIT)
        self.other = service.account()
        self.model = Model()

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.service.forget()

    def id_of(self, number: int) -> str:
        """An id that there is, or has been, or never was."""
        known = self.model.known
        return known[number % len(known)] if known else "03ba07bc-0c8b-4a82-9a47-c65e7a8d24af"

    # Bookings.

    @rule(document=documents())
    def book(self, document: Document) -> None:
        """Book a job."""
        answer = self.client.ask("POST", "/1/jobs", document)
        self._booked(answer, document)

    @rule(document=documents(), key=_KEYS)
    def book_once(self, document: Document, key: str) -> None:
        """Book a job with an Idempotency-Key."""
        answer = self.client.ask("POST", "/1/jobs", document, Idempotency_Key=key)
        self._judge_kept(answer, document, key)

    @precondition(lambda self: self.model.kept)
    @rule(key=_KEYS)
    def repeat(self, key: str) -> None:
        """Send a request once more."""
        if key in self.model.kept:
            document = self.model.kept[key][0]
            answer = self.client.ask("POST", "/1/jobs", document, Idempotency_Key=key)
            self._judge_kept(answer, document, key)

    def _judge_kept(self, answer: TestResponse, document: Document, key: str) -> None:
        if key not in self.model.kept:
            if self._booked(answer, document):
                self.model.kept[key] = (document, answer.data)
            assert "Idempotency-Replayed" not in answer.headers
            return
        first, body = self.model.kept[key]
        if json.dumps(first) != json.dumps(document):
            assert (answer.status_code, _code(answer)) == (422, "idempotency-key-reused")
            return
        assert (answer.status_code, answer.data) == (201, body)
        assert answer.headers["Idempotency-Replayed"] == "true"

    def _booked(self, answer: TestResponse, document: Document) -> bool:
        refusals = self.model.refusals([document.get("name")], 1)
        if refusals:
            assert answer.status_code in refusals, answer.text
            return False
        assert answer.status_code == 201, answer.text
        job = self.model.add(answer.get_json()["id"], document)
        assert answer.headers["Location"] == f"/1/jobs/{job.id}"
        assert answer.get_json() == job.document(self.client.account)
        return True

    @rule(some=st.lists(documents(), min_size=1, max_size=3))
    def book_together(self, some: list[Document]) -> None:
        """Book several jobs, or none."""
        answer = self.client.ask("POST", "/1/jobs/bulk", some)
        refusals = self.model.refusals([each.get("name") for each in some], len(some))
        if refusals:
            assert answer.status_code in refusals, answer.text
            return
        assert answer.status_code == 201, answer.text
        booked = [
            self.model.add(found["id"], each)
            for found, each in zip(answer.get_json(), some, strict=True)
        ]
        assert answer.get_json() == [each.document(self.client.account) for each in booked]

    @rule(when=st.sampled_from(list(WHENS)))
    def book_by_address(self, when: str) -> None:
        """Book a job whose instant and URL are in the address."""
        url = "https://example.com/wake"
        answer = self.client.ask("POST", f"/1/jobs/{quote(when, safe='')}/{quote(url, safe='')}")
        self._booked(answer, {"url": url, "when": when})

    @rule(document=documents())
    def book_dry(self, document: Document) -> None:
        """Ask what a booking would do."""
        answer = self.client.ask("POST", "/1/jobs?dryRun=true", document)
        refusals = self.model.refusals([document.get("name")], 1)
        if refusals:
            assert answer.status_code in refusals, answer.text
        else:
            assert (answer.status_code, answer.get_json()) == (200, self._unstored(document))

    def _unstored(self, document: Document) -> Document:
        found = ModelJob("", shown(document)).document(self.client.account)
        return {name: value for name, value in found.items() if name != "id"}

    # Changes.

    @rule(number=ANY, document=documents())
    def replace(self, number: int, document: Document) -> None:
        """Replace a job by a document."""
        job_id = self.id_of(number)
        answer = self.client.ask("PUT", f"/1/jobs/{job_id}", document)
        job, holder = self.model.jobs.get(job_id), self.model.named(document.get("name"))
        if job is None:
            assert _code(answer) == "not-found"
        elif holder is not None and holder is not job:
            assert (answer.status_code, answer.get_json()["member"]) == (409, "name")
        else:
            self.model.replace(job, document)
            assert (answer.status_code, answer.get_json()) == (200, self._document(job))

    @rule(number=ANY, member=st.sampled_from(["id", "account", "next"]))
    def replace_as_read(self, number: int, member: str) -> None:
        """Put a job as it was read, then with one read-only member changed."""
        job = self.model.jobs.get(self.id_of(number))
        if job is None:
            return
        read = self.client.ask("GET", f"/1/jobs/{job.id}").get_json()
        answer = self.client.ask("PUT", f"/1/jobs/{job.id}", read)
        assert (answer.status_code, answer.get_json()) == (200, read)
        self.model.replace(job, job.members)
        wrong = {"id": self.other.account, "account": "x", "next": "2050-01-01T00:00:00Z"}
        answer = self.client.ask("PUT", f"/1/jobs/{job.id}", {**read, member: wrong[member]})
        assert (answer.status_code, answer.get_json()["member"]) == (400, member)

    @rule(name=st.sampled_from(NAMES), document=documents(), dry=st.booleans())
    def put_by_name(self, name: str, document: Document, *, dry: bool) -> None:
        """Declare the job of a name, or ask what that would do."""
        path = f"/1/jobs/by-name/{quote(name, safe='')}{'?dryRun=true' if dry else ''}"
        answer = self.client.ask("PUT", path, document)
        if document.get("name") not in {None, name}:
            assert (answer.status_code, answer.get_json()["member"]) == (400, "name")
            return
        document = {**document, "name": name}
        job = self.model.named(name)
        if job is None and len(self.model.jobs) >= LIMIT:
            assert (answer.status_code, _code(answer)) == (403, "limit-reached")
            return
        self._declared(answer, job, document, dry=dry)

    def _declared(
        self, answer: TestResponse, job: ModelJob | None, document: Document, *, dry: bool
    ) -> None:
        outcome = answer.headers["Wakecall-Outcome"]
        if job is None:
            assert (outcome, answer.status_code) == ("created", 200 if dry else 201)
            if dry:
                assert answer.get_json() == self._unstored(document)
                return
            job = self.model.add(answer.get_json()["id"], document)
        elif equals(job.members, shown(document)):
            assert (outcome, answer.status_code) == ("unchanged", 200)
        else:
            assert (outcome, answer.status_code) == ("replaced", 200)
            if dry:
                assert answer.get_json() == ModelJob(job.id, shown(document)).document(
                    self.client.account
                )
                return
            self.model.replace(job, document)
        assert answer.get_json() == self._document(job)

    @rule(number=ANY)
    def pause(self, number: int) -> None:
        """Pause a job."""
        job_id = self.id_of(number)
        answer = self.client.ask("POST", f"/1/jobs/{job_id}/pause")
        job = self.model.jobs.get(job_id)
        if job is None:
            assert _code(answer) == "not-found"
            return
        self.model.cancel(job_id)
        if job.members.get("enabled") is not False:
            self.model.replace(job, {**job.members, "enabled": False})
        assert (answer.status_code, answer.get_json()) == (200, self._document(job))

    @rule(number=ANY)
    def resume(self, number: int) -> None:
        """Resume a job."""
        job_id = self.id_of(number)
        answer = self.client.ask("POST", f"/1/jobs/{job_id}/resume")
        job = self.model.jobs.get(job_id)
        if job is None:
            assert _code(answer) == "not-found"
            return
        if job.members.pop("enabled", True) is False:
            job.version += 1
        assert (answer.status_code, answer.get_json()) == (200, self._document(job))

    @rule(number=ANY)
    def delete(self, number: int) -> None:
        """Delete a job by its id. One that has ended is found while a run of it is under way."""
        job_id = self.id_of(number)
        under_way = [
            each
            for each in self.model.runs.values()
            if each.job == job_id and each.state == "claimed" and not each.is_cancelled
        ]
        answer = self.client.ask("DELETE", f"/1/jobs/{job_id}")
        if self.model.jobs.pop(job_id, None) is None and not under_way:
            assert _code(answer) == "not-found"
            return
        assert answer.status_code == 204, answer.text
        self.model.cancel(job_id)

    @rule(name=st.sampled_from(NAMES))
    def delete_by_name(self, name: str) -> None:
        """Delete a job by its name."""
        answer = self.client.ask("DELETE", f"/1/jobs/by-name/{quote(name, safe='')}")
        job = self.model.named(name)
        if job is None:
            assert _code(answer) == "not-found"
            return
        assert answer.status_code == 204, answer.text
        del self.model.jobs[job.id]
        self.model.cancel(job.id)

    # Runs.

    @rule(number=ANY)
    def fire(self, number: int) -> None:
        """Let a job be called now."""
        job_id = self.id_of(number)
        answer = self.client.ask("POST", f"/1/jobs/{job_id}/fire")
        job = self.model.jobs.get(job_id)
        if job is None:
            assert _code(answer) == "not-found"
            return
        assert answer.status_code == 202, answer.text
        run = ModelRun(answer.get_json()["id"], job_id, job.version)
        self.model.runs[run.id] = run
        assert answer.headers["Location"] == f"/1/runs/{run.id}"

    @rule(answer=st.sampled_from(["succeeded", "failed"]))
    def work(self, answer: str) -> None:
        """Let workers call what was asked for."""
        self.service.work(answer)
        for each in self.model.runs.values():
            if each.state == "claimed":
                each.attempts += not each.is_cancelled
                each.state = "cancelled" if each.is_cancelled else answer

    @precondition(lambda self: self.model.runs)
    @rule(number=ANY)
    def redeliver(self, number: int) -> None:
        """Let a run be sent again that is over."""
        run = self._run(number)
        answer = self.client.ask("POST", f"/1/runs/{run.id}/redeliver")
        if run.state == "claimed" or run.job not in self.model.jobs:
            assert (answer.status_code, _code(answer)) == (409, "conflict")
            return
        assert answer.status_code == 202, answer.text
        run.state, run.is_cancelled = "claimed", False

    @precondition(lambda self: self.model.runs)
    @rule(number=ANY, status=st.sampled_from(["succeeded", "failed"]))
    def complete(self, number: int, status: str) -> None:
        """Report a result that nobody waits for: the same one is confirmed, another refused."""
        run = self._run(number)
        answer = self.client.ask("POST", f"/1/runs/{run.id}/complete", {"status": status})
        assert answer.status_code == (200 if run.state == status else 409), answer.text

    @precondition(lambda self: self.model.runs)
    @rule(number=ANY)
    def read_run(self, number: int) -> None:
        """Read a run, and the runs of its job."""
        run = self._run(number)
        found = self.client.ask("GET", f"/1/runs/{run.id}").get_json()
        assert (found["job"], found["version"], found["kind"]) == (run.job, run.version, "manual")
        assert (found["state"], len(found["attempts"])) == (run.state, run.attempts)
        listed = self.client.ask("GET", f"/1/jobs/{run.job}/runs").get_json()
        of_job = {each.id for each in self.model.runs.values() if each.job == run.job}
        assert {each["id"] for each in listed} == of_job

    # Lists.

    @rule(
        tag=st.sampled_from([None, *TAGS]),
        enabled=st.sampled_from([None, "true", "false"]),
        namePrefix=st.sampled_from([None, "n", "über "]),
        kind=st.sampled_from([None, "once", "cron"]),
        limit=st.integers(1, 5),
    )
    def list_some(self, **filters: Any) -> None:
        """List the jobs that a filter selects, in pages."""
        given = {name: quote(f"{value}") for name, value in filters.items() if value is not None}
        query = "&".join(f"{name}={value}" for name, value in given.items())
        wanted = [
            self._document(each)
            for each in reversed(self.model.jobs.values())
            if _selects(each.members, filters)
        ]
        assert self._pages(f"/1/jobs?view=full&{query}") == wanted

    @rule(number=ANY)
    def others_see_nothing(self, number: int) -> None:
        """Another account does not find the job."""
        path = f"/1/jobs/{self.id_of(number)}"
        for method, where in (("GET", path), ("DELETE", path), ("POST", f"{path}/fire")):
            assert _code(self.other.ask(method, where)) == "not-found"

    @invariant()
    def all_jobs_are_listed(self) -> None:
        """The list is the model's, and so is each job in it."""
        wanted = [self._document(each) for each in self.model.jobs.values()]
        answer = self.client.ask("GET", "/1/jobs")
        assert answer.get_json() == [each["id"] for each in wanted]
        assert self._pages("/1/jobs?view=full") == wanted[::-1]

    def _pages(self, where: str) -> list[Document]:
        found: list[Document] = []
        while where:
            answer = self.client.ask("GET", where)
            assert answer.status_code == 200, answer.text
            found += answer.get_json()
            link = answer.headers.get("Link", "")
            where = link.removeprefix("<").removesuffix('>; rel="next"')
        return found

    def _run(self, number: int) -> ModelRun:
        runs = list(self.model.runs.values())
        return runs[number % len(runs)]

    def _document(self, job: ModelJob) -> Document:
        return job.document(self.client.account)


def _code(answer: TestResponse) -> str:
    return str(answer.get_json()["type"]).removeprefix("/problems/")


def _selects(members: Document, filters: dict[str, Any]) -> bool:
    is_enabled = members.get("enabled") is not False
    kind = "cron" if "cron" in members else "once"
    return (
        (filters["tag"] is None or filters["tag"] in members.get("tags", []))
        and filters["enabled"] in {None, "true" if is_enabled else "false"}
        and members.get("name", "").startswith(filters["namePrefix"] or "")
        and (filters["kind"] is None or filters["kind"] == kind)
    )
