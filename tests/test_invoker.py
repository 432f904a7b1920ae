"""The invoker: one call of an app for each invocation, within its bounds, past the guard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from app.domain.dapr.invocation import MAX_ANSWER, Callee, Invocation
from app.domain.endpoint import AppProtocol
from app.domain.run import Reply
from app.invocation_messages import to_call
from app.invoker import Invoker
from tests.delivery.certificate_authority import CertificateAuthority
from tests.ports import free_port
from tests.receiver import PATIENCE, Receiver, answer, hang

LOOPBACK = (ip_network("127.0.0.1/32"),)


@pytest.fixture
def app() -> Iterator[Receiver]:
    with Receiver(answer(200)) as made:
        yield made


@pytest.fixture
def invoker() -> Iterator[Invoker]:
    made = Invoker(allow=LOOPBACK, at_once=2)
    yield made
    made.close()


def invocation(
    url: str, body: bytes = b"", *, content_type: str | None = None, token: str | None = None
) -> Invocation:
    return Invocation(
        callee=Callee(app_id="films", url=url, token=token),
        caller="cinema",
        method="POST",
        target="a/b?c=d",
        content_type=content_type,
        body=body,
    )


def found(invoker: Invoker, wanted: Invocation) -> Reply:
    return invoker.invoke(wanted).result(PATIENCE)


def test_the_request_and_its_answer_come_through_whole(app: Receiver, invoker: Invoker) -> None:
    long = bytes(range(256)) * (MAX_ANSWER // 256)
    app.default = answer(418, (("Content-Type", "a/b"),), long)
    reply = found(invoker, invocation(app.url(), long, content_type="c/d", token="hush"))
    assert (reply.status, reply.body) == (418, long)
    assert ("Content-Type", "a/b") in reply.headers
    (request,) = app.requests
    assert (request.method, request.target, request.body) == ("POST", "/a/b?c=d", long)
    assert request.header("content-type") == "c/d"
    assert request.header("dapr-api-token") == "hush"


def test_a_type_that_was_not_given_is_not_sent(app: Receiver, invoker: Invoker) -> None:
    assert found(invoker, invocation(app.url(), b"x")).status == 200
    assert app.requests[0].header("content-type") is None
    assert app.requests[0].header("dapr-api-token") is None


def test_the_certificate_of_an_app_is_checked_as_that_of_a_receiver(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    with Receiver(answer(204), tls=authority.receiver("localhost")) as app:
        wanted = invocation(app.url("/", host="localhost", scheme="https"))
        for ca_file, expected in ((authority.ca_file, (204, None)), (None, (None, "tls-failed"))):
            invoker = Invoker(allow=LOOPBACK, ca_file=ca_file)
            reply = found(invoker, wanted)
            invoker.close()
            assert (reply.status, reply.error) == expected


@pytest.mark.parametrize("protocol", list(AppProtocol))
def test_no_client_passes_for_another_app(protocol: AppProtocol) -> None:
    fields = {"dapr-caller-app-id": "cinema", "dapr-callee-app-id": "films"}
    fields["dapr-caller-namespace"] = "default"
    claimed = tuple((name.title(), "another") for name in fields)
    wanted = replace(invocation("http://127.0.0.1"), headers=(*claimed, ("x-mine", "1")))

    if protocol is AppProtocol.GRPC:
        own = to_call(wanted).own
    else:
        with Receiver(answer(200)) as app:
            made = Invoker(allow=LOOPBACK)
            assert (
                found(made, replace(wanted, callee=replace(wanted.callee, url=app.url()))).status
                == 200
            )
            made.close()
            own = tuple(f"{name}: {value}" for name, value in app.requests[0].headers)
    sent = [line.lower() for line in own]
    for name, value in (*fields.items(), ("x-mine", "1")):
        assert [line for line in sent if line.startswith(f"{name}:")] == [f"{name}: {value}"]


def test_an_answer_that_is_too_long_is_an_error(app: Receiver, invoker: Invoker) -> None:
    app.default = answer(200, (), b"x" * (MAX_ANSWER + 1))
    assert found(invoker, invocation(app.url())).error == "answer-too-large"
    app.default = answer(200)
    assert found(invoker, invocation(app.url())).status == 200


def test_an_app_that_is_away_or_denied_is_an_error(app: Receiver, invoker: Invoker) -> None:
    away = invocation(f"http://127.0.0.1:{free_port()}")
    assert found(invoker, away).error == "connect-failed"
    assert found(invoker, invocation(app.url(host="127.0.0.2"))).error == "denied-address"
    assert app.requests == []


def test_a_request_that_cannot_be_built_holds_no_place(app: Receiver, invoker: Invoker) -> None:
    unfit = invocation("http://127.0.0.1", content_type="\ud800")
    unfit = replace(unfit, callee=replace(unfit.callee, protocol=AppProtocol.GRPC))
    for _ in range(2):
        with pytest.raises(ValueError, match="surrogate"):
            invoker.invoke(unfit)

    assert found(invoker, invocation(app.url())).status == 200


def test_no_more_calls_are_under_way_than_may_be(app: Receiver) -> None:
    app.default = hang
    invoker = Invoker(allow=LOOPBACK, at_once=2)
    waiting = [invoker.invoke(invocation(app.url())) for _ in range(2)]
    app.wait_for(2)
    assert found(invoker, invocation(app.url())).error == "too-many-calls"
    invoker.close()
    assert {each.result(PATIENCE).error for each in waiting} == {"aborted"}
