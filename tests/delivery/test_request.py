"""What is sent for an attempt: the exact header lines, and that they arrive as such."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook

from app.delivery.request import VERSION, Call, Delivery, build
from app.domain.call_options import CallOptions
from app.domain.secret import new_secret
from tests.delivery.outbound import Outbound
from tests.receiver import Receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
RUN = "0192f5a0-1111-7abc-8def-000000000001"
JOB = "0192f5a0-2222-7abc-8def-000000000002"


def delivery(
    *,
    url: str = "https://hook.example/wake",
    content_type: str | None = None,
    signature: str | None = None,
    data: bytes | None = None,
    attempt: int = 1,
    lateness: float = 0.0,
    missed: int = 0,
    call_options: CallOptions | None = None,
) -> Delivery:
    return Delivery(
        run_id=UUID(RUN),
        job_id=UUID(JOB),
        url=url,
        content_type=content_type,
        signature=signature,
        data=data,
        due_at=datetime(2026, 11, 22, 8, 30, 0, 250_000, tzinfo=UTC),
        attempt=attempt,
        lateness=timedelta(seconds=lateness),
        missed=missed,
        call_options=call_options,
    )


def test_the_headers_of_a_full_delivery() -> None:
    full = delivery(
        content_type="application/json; charset=utf-8",
        signature="tenant=1, sig=abc==",
        data=b'{"test": 2432232314}',
        attempt=3,
        lateness=5.0129,
        missed=4,
        call_options=CallOptions(
            method="PATCH",
            headers=(("Authorization", "Bearer abc"), ("X-Shop", "7")),
            timeout=2.5,
        ),
    )
    call = build(full._replace(depth=2), [SECRET], 1_763_800_000)
    assert call == Call(
        url="https://hook.example/wake",
        headers=(
            "Content-Type: application/json; charset=utf-8",
            "X-Content-Signature: tenant=1, sig=abc==",
            f"webhook-id: {RUN}",
            "webhook-timestamp: 1763800000",
            "webhook-signature: v1,xF21xSc5PTWsYGnUaG6IXi+vy0hfQyFpvOAT49a3PHM=",
            f"Wakecall-Job: {JOB}",
            "Wakecall-Scheduled-For: 2026-11-22T08:30:00.25Z",
            "Wakecall-Lateness-Ms: 5012",
            "Wakecall-Attempt: 3",
            "Wakecall-Depth: 3",
            "Wakecall-Missed: 4",
        ),
        body=b'{"test": 2432232314}',
        timeout=2.5,
        method="PATCH",
        own=("Authorization: Bearer abc", "X-Shop: 7"),
    )


def test_the_headers_of_a_bare_delivery() -> None:
    call = build(delivery(lateness=-0.000001), [SECRET], 1_763_800_000)
    assert call.headers[0] == "Content-Type: application/octet-stream"
    assert [line.partition(":")[0] for line in call.headers] == [
        "Content-Type",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "Wakecall-Job",
        "Wakecall-Scheduled-For",
        "Wakecall-Lateness-Ms",
        "Wakecall-Attempt",
        "Wakecall-Depth",
    ]
    assert "Wakecall-Lateness-Ms: 0" in call.headers
    assert (call.method, call.body, call.timeout) == ("POST", b"", 15)


@pytest.mark.parametrize(
    "call_options", [CallOptions(), CallOptions(timeout=20.0), CallOptions(method="PUT")]
)
def test_call_options_without_a_member_keep_its_default(call_options: CallOptions) -> None:
    call = build(delivery(call_options=call_options), [SECRET], 1_763_800_000)
    usual = build(delivery(), [SECRET], 1_763_800_000)
    assert call.headers == usual.headers
    assert call.timeout == (call_options.timeout or 15)
    assert call.method == (call_options.method or "POST")


def test_exactly_these_headers_arrive(outbound: Outbound, receiver: Receiver) -> None:
    secrets = [new_secret(), new_secret()]
    now = int(datetime.now(UTC).timestamp())
    body = bytes(range(128))
    call = build(
        delivery(url=receiver.url(), content_type="a/b", signature="own", data=body), secrets, now
    )
    assert outbound.send(call.url, call.body, headers=call.headers).status == 200
    (request,) = receiver.requests
    assert [name for name, _ in request.headers] == [
        "Host",
        "User-Agent",
        "Accept",
        "Accept-Encoding",
        "Content-Type",
        "X-Content-Signature",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "Wakecall-Job",
        "Wakecall-Scheduled-For",
        "Wakecall-Lateness-Ms",
        "Wakecall-Attempt",
        "Wakecall-Depth",
        "Content-Length",
    ]
    assert request.header("User-Agent") == f"Wakecall/{VERSION}"
    for secret in secrets:
        Webhook(secret).verify(request.body, dict(request.headers), json_parse=False)


def test_a_call_has_the_completion_token_if_there_is_one() -> None:
    headers = build(delivery()._replace(completion_token="abc_-"), [SECRET], 1000).headers
    assert set(headers) - set(build(delivery(), [SECRET], 1000).headers) == {
        "Wakecall-Completion-Token: abc_-"
    }


def test_a_further_attempt_keeps_the_id_and_signs_again() -> None:
    first = build(delivery(data=b"x"), [SECRET], 1000).headers
    again = build(delivery(data=b"x", attempt=2), [SECRET], 1300).headers
    assert first[1] == again[1] == f"webhook-id: {RUN}"
    assert first[3] != again[3]


@pytest.mark.parametrize("member", ["content_type", "signature"])
def test_no_header_can_be_smuggled_in(outbound: Outbound, receiver: Receiver, member: str) -> None:
    evil = "a\r\nX-Evil: yes"
    kind, own = (evil, None) if member == "content_type" else (None, evil)
    call = build(delivery(url=receiver.url(), content_type=kind, signature=own), [SECRET], 1000)
    reply = outbound.send(call.url, headers=call.headers)
    assert reply.error == "invalid-request"
    assert receiver.requests == []


def test_the_version_shown_is_the_project_s() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION
