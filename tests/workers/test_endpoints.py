"""Endpoints: calls of Dapr jobs, Fusion jobs and tasks, as the dispatcher sends them."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg
import pytest
from cryptography.fernet import Fernet
from standardwebhooks import Webhook

from app.delivery.grpc import unframe
from app.delivery.request import Call
from app.domain.call_options import CallOptions
from app.domain.circuit_breaker import BlockReason
from app.domain.grpc_status import ERRORS, GrpcStatus
from app.domain.job import Dialect
from app.domain.retry_policy import Constant
from app.domain.run import Reply, RunState
from app.protos.dapr_app_pb2 import JobEventRequest
from app.service.secrets import SecretBox
from tests.factories import add_account, book, claim_all, connect
from tests.workers.harness import SECRET, Harness, taken
from workers.dispatch.account_cache import AccountCache
from workers.dispatch.leased_run import lease
from workers.dispatch.taking import take

APP: dict[str, Any] = {
    "url": "/job/R2-D2",
    "dialect": Dialect.DAPR,
    "endpoint": "job-service",
    "base": "http://app.test:6200",
    "data": b'{"droid":"R2-D2"}',
    "call_options": CallOptions(retry=Constant(1, 3)),
}
RUNNER: dict[str, Any] = {
    "url": "/",
    "dialect": Dialect.FUSION,
    "endpoint": "datasource",
    "base": "http://runner.test/start?x=1",
    "data": b'{"resource":"datasource:movie-db"}',
}
TASK: dict[str, Any] = {"url": "http://task.test/", "dialect": Dialect.FUSION}


@pytest.fixture
def harness() -> Iterator[Harness]:
    made = Harness()
    yield made
    made.loop.close()


def called(harness: Harness, **changes: Any) -> tuple[Call, dict[str, str]]:
    """The call that is made of such a run, and its headers by their names in lower case."""
    harness.lease(0.0, **changes)
    ((call, _, _),) = harness.engine.calls
    lines = [line.partition(": ") for line in call.headers]
    assert len({name.lower() for name, _, _ in lines}) == len(lines), "a header was given twice"
    return call, {name.lower(): value for name, _, value in lines}


def test_an_app_is_posted_its_jobs_data(harness: Harness) -> None:
    call, headers = called(harness, **APP)

    assert (call.method, call.url) == ("POST", "http://app.test:6200/job/R2-D2")
    assert call.body == b'{"droid":"R2-D2"}'
    assert headers["content-type"] == "application/json"
    assert "dapr-api-token" not in headers
    assert {"wakecall-job", "wakecall-attempt", "wakecall-scheduled-for"} <= headers.keys()


def test_what_an_app_is_posted_is_signed_as_all_calls_are(harness: Harness) -> None:
    call, headers = called(harness, **APP)
    sent_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), tz=UTC)

    signature = Webhook(SECRET).sign(headers["webhook-id"], sent_at, call.body.decode())

    assert headers["webhook-signature"] == signature


def test_without_data_an_app_gets_an_empty_post_with_a_content_type_of_json(
    harness: Harness,
) -> None:
    call, headers = called(harness, **(APP | {"data": None, "content_type": "text/plain"}))

    assert call.body == b""
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://app.test", "http://app.test/job/a%20b"),
        ("http://app.test/", "http://app.test/job/a%20b"),
        ("https://app.test:8443/in/here", "https://app.test:8443/in/here/job/a%20b"),
        ("http://app.test/in/here/", "http://app.test/in/here/job/a%20b"),
    ],
)
def test_the_jobs_path_goes_below_the_apps(harness: Harness, base: str, url: str) -> None:
    call, _ = called(harness, **(APP | {"base": base, "url": "/job/a%20b"}))

    assert call.url == url


def test_the_host_of_an_app_is_resolved_ahead_of_time(harness: Harness) -> None:
    harness.lease(0.3, **APP)

    assert harness.engine.prepared == ["http://app.test:6200/job/R2-D2"]


def test_a_token_that_does_not_open_uses_up_no_attempt(harness: Harness) -> None:
    run = taken(0.0)._replace(**APP)
    now = harness.clock.now
    harness.dispatcher.accept([lease(run, (SECRET,), sent_at=now, answered=now, app_token="")])
    harness.step()

    assert harness.engine.calls == []
    assert not harness.channels.settlements
    _, parking = harness.channels.parked.popleft()
    assert parking.block_reason is BlockReason.KEY_MISSING
    assert "WAKECALL_SECRET_KEY" in parking.reason
    assert all(each.idle for each in harness.dispatcher.flow_control.destinations)


def test_a_runner_receives_the_job_and_the_run_to_start(harness: Harness) -> None:
    call, headers = called(harness, **RUNNER)

    assert (call.method, call.url) == ("POST", "http://runner.test/start?x=1")
    assert orjson.loads(call.body) == {
        "resource": "datasource:movie-db",
        "runId": headers["webhook-id"],
        "action": "start",
    }
    assert headers["content-type"] == "application/json"


def test_without_a_runner_a_run_fails_and_shows_no_attempt(harness: Harness) -> None:
    harness.lease(0.0, **(RUNNER | {"base": None}))

    assert harness.engine.calls == []
    _, settlement = harness.channels.settlements.popleft()
    assert (settlement.state, settlement.attempt) == (RunState.FAILED, None)
    assert settlement.reason == (
        "No runner for datasource jobs is configured; PUT /1/fusion-runners/datasource does that."
    )
    assert settlement.gone is False
    assert not list(harness.dispatcher.flow_control.destinations)


def test_a_runner_that_cannot_be_reached_uses_up_attempts(harness: Harness) -> None:
    harness.lease(0.0, **RUNNER)
    harness.engine.answer(Reply(error="connect-failed", error_detail="nobody", connected=False))

    _, settlement = harness.channels.settlements.popleft()
    assert settlement.attempt is not None
    assert not harness.channels.parked


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_task_that_has_nothing_to_say_names_no_content(harness: Harness, method: str) -> None:
    call, headers = called(
        harness,
        **(
            TASK | {"data": None, "call_options": CallOptions(method=method), "content_type": "x/y"}
        ),
    )

    assert (call.method, call.url, call.body) == (method, "http://task.test/", b"")
    assert "content-type" not in headers


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
def test_a_task_says_what_it_has_to_say(harness: Harness, method: str) -> None:
    call, headers = called(
        harness,
        **(
            TASK
            | {"data": b"<q/>", "call_options": CallOptions(method=method), "content_type": "x/y"}
        ),
    )

    assert (call.method, call.body) == (method, b"<q/>")
    assert headers["content-type"] == "x/y"


def test_the_token_of_an_app_is_opened_at_the_take_and_read_again_each_time(
    database: str, harness: Harness
) -> None:
    box = SecretBox([Fernet.generate_key().decode()])
    account_cache = AccountCache(box)
    with connect(database) as connection:
        account = add_account(connection)
        connection.execute(
            "INSERT INTO signing_secret (account_id, sealed) VALUES (%s, %s)",
            (account, box.seal(SECRET)),
        )
        heard = [
            on_unparked(connection, account, harness, account_cache, url, token)
            for url, token in (
                ("http://one.test", box.seal("first")),
                ("http://two.test/below", box.seal("second")),
                ("http://two.test/below", None),
            )
        ]

    assert heard == [
        ("http://one.test/job/R2-D2", "first"),
        ("http://two.test/below/job/R2-D2", "second"),
        ("http://two.test/below/job/R2-D2", None),
    ]
    other = AccountCache(SecretBox([Fernet.generate_key().decode()]))
    assert other.token(account, box.seal("third")) == ""


def on_unparked(
    connection: psycopg.Connection,
    account: int,
    harness: Harness,
    account_cache: AccountCache,
    url: str,
    token: bytes | None,
) -> tuple[str, str | None]:
    """Where a job of the app is sent, and with which token, with the endpoint as it is now."""
    connection.execute(
        "INSERT INTO endpoint (account_id, dialect, name, url, sealed_token)"
        " VALUES (%(account)s, 'dapr', 'job-service', %(url)s, %(token)s)"
        " ON CONFLICT (account_id, dialect, name)"
        " DO UPDATE SET url = %(url)s, sealed_token = %(token)s",
        {"account": account, "url": url, "token": token},
    )
    job = book(connection, account, due_in=-1)
    connection.execute(
        "UPDATE job SET dialect = 'dapr', endpoint = 'job-service', url = '/job/R2-D2',"
        " name = %s, written = '{}' WHERE id = %s",
        (str(job), job),
    )
    tickets = [(each.run_id, each.token) for each in claim_all(connection)]
    assert take(connection, tickets, harness.dispatcher, account_cache, harness.clock) == 1
    harness.step()
    call, _, _ = harness.engine.calls.pop()
    tokens = [
        line.partition(": ")[2] for line in call.headers if line.startswith("dapr-api-token:")
    ]
    return call.url, tokens[0] if tokens else None


GRPC_APP: dict[str, Any] = {**APP, "protocol": "grpc"}


def test_an_app_that_speaks_grpc_is_called_by_its_method_with_the_token_and_a_signature(
    harness: Harness,
) -> None:
    run = taken(0.0)._replace(**GRPC_APP, sealed_token=b"sealed")
    leased = lease(run, (SECRET,), sent_at=harness.clock.now, answered=harness.clock.now)
    leased.app_token = "s3cret"
    harness.dispatcher.accept([leased])
    harness.step()
    ((call, _, _),) = harness.engine.calls
    headers = dict(line.lower().split(": ", 1) for line in call.headers)

    assert call.is_grpc
    assert call.url == ("http://app.test:6200/dapr.proto.runtime.v1.AppCallback/OnJobEvent")
    assert headers["dapr-api-token"] == "s3cret"
    assert headers["content-type"] == "application/grpc"
    assert headers["te"] == "trailers"
    assert headers["grpc-timeout"] == f"{int(call.timeout * 1000)}m"
    assert headers["wakecall-attempt"] == "1"
    assert "wakecall-completion-token" not in headers
    message = unframe(call.body)
    event = JobEventRequest.FromString(message)
    assert (event.name, event.method) == ("R2-D2", "job/R2-D2")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + message
    key = b64decode(SECRET.removeprefix("whsec_"))
    mac = b64encode(hmac.new(key, signed, "sha256").digest()).decode()
    signature = next(line for line in call.headers if line.startswith("webhook-signature"))
    assert signature == f"webhook-signature: v1,{mac}"


def test_a_value_that_an_http_app_cannot_get_is_a_failed_attempt(harness: Harness) -> None:
    type_url = "type.googleapis.com/google.protobuf.Value"
    harness.lease(0.0, **{**APP, "data": b"\xff", "type_url": type_url, "protocol": "http"})

    assert harness.engine.calls == []
    ((_, settlement),) = harness.channels.settlements
    assert settlement.attempt is not None
    assert settlement.attempt.reply.error == "invalid-request"
    assert settlement.retry_at is not None


@pytest.mark.parametrize("code", list(GrpcStatus)[1:], ids=lambda code: code.name)
def test_of_the_codes_of_grpc_not_found_alone_is_a_success(
    harness: Harness, code: GrpcStatus
) -> None:
    harness.lease(0.0, **GRPC_APP)
    reply = Reply(error=ERRORS[code], error_detail=f"The app answered {code.name}.")
    for _ in range(2 if code is GrpcStatus.UNIMPLEMENTED else 1):
        harness.engine.answer(reply)
    harness.step()

    ((_, settlement),) = harness.channels.settlements
    if code is GrpcStatus.NOT_FOUND:
        assert settlement.state is RunState.SUCCEEDED
        return
    assert settlement.state is None
    assert settlement.retry_at is not None
    assert settlement.reason == f"The app answered {code.name}."


def test_a_grpc_app_that_cannot_be_reached_uses_up_no_attempt(harness: Harness) -> None:
    harness.lease(0.0, **GRPC_APP)
    harness.engine.answer(Reply(error="connect-failed", error_detail="no", connected=False))
    harness.step()

    assert not harness.channels.settlements
    ((_, parking),) = harness.channels.parked
    assert parking.block_reason is BlockReason.AWAY


def test_a_grpc_call_of_a_run_cancelled_between_two_methods_is_not_made(harness: Harness) -> None:
    leased = harness.lease(0.0, **GRPC_APP)
    harness.poll_cancellations(leased)
    harness.engine.answer(Reply(error=ERRORS[GrpcStatus.UNIMPLEMENTED], error_detail="no"))
    harness.step()

    assert harness.engine.calls == []
    assert harness.settled() is RunState.CANCELLED
