"""Errors over gRPC: code, message, reason and details as Dapr has them."""

from __future__ import annotations

from typing import Any

import grpc
import psycopg
import pytest
from flask import Flask
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from app.api.context import current_context
from app.domain.scope import Scope
from app.protos import dapr_runtime_pb2 as runtime
from app.protos.dapr_runtime_pb2 import Job
from app.service import account_lifecycle, keys
from tests.api.conftest import MakeApp
from tests.api.dapr.calls import add_app
from tests.api.dapr.rpc.client import Client, failure
from tests.api.dapr.rpc.conftest import serving
from tests.factories import one

APP = {"appID": "job-service", "namespace": "default"}
DUE = "2100-01-01T00:00:00Z"
SCHEDULING = "failed to schedule job due to: rpc error: code = Unknown desc = "
INVALID = grpc.StatusCode.INVALID_ARGUMENT
INTERNAL = grpc.StatusCode.INTERNAL


@pytest.mark.parametrize("alpha", ["", "Alpha1"])
@pytest.mark.parametrize(
    ("job", "code", "reason", "message"),
    [
        (None, INVALID, "EMPTY", "Job is empty"),
        (Job(due_time=DUE), INVALID, "JOB_NAME_EMPTY", "Name is empty"),
        (Job(name="a"), INVALID, "SCHEDULE_EMPTY", "Schedule is empty"),
        (Job(name="a", ttl="1h"), INVALID, "SCHEDULE_EMPTY", "Schedule is empty"),
        (Job(name="a/b", due_time=DUE), INTERNAL, "SCHEDULE_JOB", f"{SCHEDULING}job name is"),
        (Job(name="a", due_time=""), INTERNAL, "SCHEDULE_JOB", f"{SCHEDULING}job failed valid"),
        (Job(name="a", schedule=""), INTERNAL, "SCHEDULE_JOB", f"{SCHEDULING}job failed valid"),
        (Job(name="a", schedule="x"), INTERNAL, "SCHEDULE_JOB", f"{SCHEDULING}job failed valid"),
        (
            Job(name="a", schedule="@every 1h", ttl=""),
            INTERNAL,
            "SCHEDULE_JOB",
            f"{SCHEDULING}job failed valid",
        ),
        (
            Job(name="a", schedule="@every 1h", repeats=0),
            INTERNAL,
            "SCHEDULE_JOB",
            f"{SCHEDULING}job failed validation: defined repeats must be greater than 0",
        ),
        (Job(name="a", due_time="1h\0"), INTERNAL, "SCHEDULE_JOB", f"{SCHEDULING}job failed valid"),
    ],
)
def test_what_cannot_be_booked(
    client: Client, job: Job | None, code: grpc.StatusCode, reason: str, message: str, alpha: str
) -> None:
    client.alpha = alpha

    failed = failure(lambda: client.schedule(job))

    assert failed.code is code
    assert failed.reason == f"DAPR_SCHEDULER_{reason}"
    assert failed.message.startswith(message)
    assert failed.metadata == APP
    assert client.list() == []


@pytest.mark.parametrize("alpha", ["", "Alpha1"])
def test_a_job_that_exists_is_not_replaced_unless_overwritten(client: Client, alpha: str) -> None:
    client.alpha = alpha
    client.schedule(Job(name="a", due_time=DUE))

    failed = failure(lambda: client.schedule(Job(name="a", due_time="1h")))

    assert failed.code is grpc.StatusCode.ALREADY_EXISTS
    assert failed.reason == "DAPR_SCHEDULER_SCHEDULE_JOB"
    assert failed.message == (
        "failed to schedule job due to: rpc error: code = AlreadyExists desc = "
        "job already exists: 'app||default||job-service||a'"
    )
    client.schedule(Job(name="a", due_time="1h"), overwrite=True)
    assert client.get("a").due_time == "1h"


@pytest.mark.parametrize("alpha", ["", "Alpha1"])
def test_jobs_that_are_not_there_and_names_that_cannot_be(client: Client, alpha: str) -> None:
    client.alpha = alpha
    failed = failure(lambda: client.get("a"))
    assert (failed.code, failed.reason) == (INTERNAL, "DAPR_SCHEDULER_GET_JOB")
    assert failed.message == (
        "failed to get job due to: rpc error: code = NotFound desc = job not found: a"
    )
    assert failed.metadata == APP
    client.delete("a")
    for empty in (lambda: client.get(""), lambda: client.delete("")):
        failed = failure(empty)
        assert (failed.code, failed.reason) == (INVALID, "DAPR_SCHEDULER_JOB_NAME_EMPTY")
    assert failure(lambda: client.get("a/b")).reason == "DAPR_SCHEDULER_GET_JOB"
    assert failure(lambda: client.delete("a#")).reason == "DAPR_SCHEDULER_DELETE_JOB"
    client.delete_by_prefix("a\0")


@pytest.mark.parametrize("type_url", ["u" * 1025, "a\0"])
def test_a_type_url_that_cannot_be_stored(client: Client, type_url: str) -> None:
    job = Job(name="a", due_time=DUE, data=AnyMessage(type_url=type_url))

    assert failure(lambda: client.schedule(job)).code is INVALID


def test_what_is_not_a_message_and_what_is_not_offered(client: Client) -> None:
    failed = failure(lambda: client.call("GetJob", b"\xff", runtime.GetJobResponse))
    assert failed.code is INTERNAL
    assert failed.message.startswith("grpc: error unmarshalling request: ")
    for name in ("GetState", "Shutdown", "getjob", "GetJob/x"):
        assert failure(lambda: client.call(name, b"", bytes)).code is grpc.StatusCode.UNIMPLEMENTED  # noqa: B023 - called at once


def test_a_message_that_is_too_long(client: Client) -> None:
    job = Job(name="a", due_time=DUE, data=AnyMessage(value=b"x" * (4 * 1024 * 1024)))

    failed = failure(lambda: client.schedule(job))

    assert failed.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "eceived message larger than max (" in failed.message
    assert "vs. 4194304)" in failed.message
    assert client.list() == []
    failed = failure(lambda: client.call("GetJob", b"x" * 70_000, bytes))
    assert failed.code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_list_that_is_too_long_says_what_to_do(client: Client) -> None:
    for name in ("a", "b"):
        client.schedule(Job(name=name, due_time=DUE, data=AnyMessage(value=b"x" * 3_000_000)))

    failed = failure(client.list)

    assert failed.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert failed.reason == "DAPR_SCHEDULER_LIST_JOBS"
    assert "Get jobs one by one" in failed.message
    assert len(client.get("a").data.value) == 3_000_000


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ((), "missing api token in request metadata"),
        ((("dapr-api-token", ""),), "authentication error: api token mismatch"),
        ((("dapr-api-token", "wrong"),), "authentication error: api token mismatch"),
    ],
)
@pytest.mark.parametrize("name", ["ScheduleJob", "GetJobAlpha1", "ListJobs", "GetMetadata"])
def test_a_key_is_asked_for_by_every_rpc(
    client: Client, metadata: tuple[tuple[str, str], ...], why: str, name: str
) -> None:
    failed = failure(lambda: client.call(name, b"", bytes, metadata=metadata))

    assert (failed.code, failed.message) == (grpc.StatusCode.UNAUTHENTICATED, "Unauthorized")
    assert failed.reason == "Unauthorized"
    assert failed.metadata == {"http.code": "401", "http.error_message": why}


def test_a_key_that_may_only_read_and_one_of_another_app(app: Flask, client: Client) -> None:
    add_app(app, "till")
    with app.app_context():
        context = current_context()
        reader = keys.create(context, "account-1", "r", scope=Scope.READ, app="till")
    read = Client(client.channel, reader)
    assert read.list() == []
    failed = failure(lambda: read.schedule(Job(name="a", due_time=DUE)))
    assert (failed.code, failed.reason) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "ERR_INSUFFICIENT_SCOPE",
    )
    failed = failure(client.list)
    assert (failed.code, failed.reason) == (INVALID, "ERR_APP_ID")
    named = (*client.metadata, ("dapr-app-id", "till"))
    client.call("ListJobs", b"", runtime.ListJobsResponse, metadata=named)


def test_above_the_rate_limit_a_response_has_retry_after(
    make_app: MakeApp, app: Flask, key: str
) -> None:
    add_app(app)
    with (
        serving(make_app(WAKECALL_RATE_LIMIT="1")) as address,
        grpc.insecure_channel(address) as channel,
    ):
        client = Client(channel, key)
        failed: Any = None
        while failed is None:
            try:
                client.list()
            except grpc.RpcError as error:
                failed = error
        assert failed.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        trailers = dict(failed.trailing_metadata())
        assert int(trailers["retry-after"]) >= 1
        assert trailers["ratelimit-policy"] == '"requests";q=1;w=1'
        retry = RetryInfo()
        assert Status.FromString(trailers["grpc-status-details-bin"]).details[1].Unpack(retry)
        assert retry.retry_delay.seconds >= 1


def test_while_the_database_takes_no_writes_it_is_unavailable(
    client: Client, connection: psycopg.Connection
) -> None:
    name = one(connection, "SELECT current_database()")
    connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    for _ in range(2):
        failed = failure(lambda: client.schedule(Job(name="a", due_time=DUE)))

    assert (failed.code, failed.reason) == (
        grpc.StatusCode.UNAVAILABLE,
        "DAPR_SCHEDULER_SCHEDULE_JOB",
    )
    assert failed.message.startswith(
        "failed to schedule job due to: rpc error: code = Unavailable desc = "
    )
    assert int(failed.trailers["retry-after"]) >= 1
    connection.execute("SET default_transaction_read_only = off")
    connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')


def test_a_suspended_account_reads_and_changes_nothing(app: Flask, client: Client) -> None:
    client.schedule(Job(name="a", due_time=DUE))
    with app.app_context():
        account_lifecycle.suspend(current_context(), "account-1")

    assert [each.name for each in client.list()] == ["a"]
    for change in (
        lambda: client.schedule(Job(name="b", due_time=DUE)),
        lambda: client.delete("a"),
        lambda: client.delete_by_prefix(""),
    ):
        failed = failure(change)
        assert failed.code is grpc.StatusCode.PERMISSION_DENIED
        assert failed.reason == "ERR_ACCOUNT_SUSPENDED"
    assert client.get("a").name == "a"


def test_an_account_stores_no_more_than_it_may(make_app: MakeApp, app: Flask, key: str) -> None:
    add_app(app)
    with (
        serving(make_app(WAKECALL_LIMIT_JOBS="1")) as address,
        grpc.insecure_channel(address) as channel,
    ):
        client = Client(channel, key)
        client.schedule(Job(name="a", due_time=DUE))
        failed = failure(lambda: client.schedule(Job(name="b", due_time=DUE)))
    assert (failed.code, failed.reason) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "ERR_LIMIT_REACHED",
    )
