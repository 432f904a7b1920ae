"""Calls to inboxes on the real server: recorded, answered as chosen, and no burden on others."""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from flask import Flask

from app import config, create_app
from app.api.context import current_context
from app.api.inbox_calls import MAX_BODY
from app.delivery.signing import sign
from app.domain.account import Caller
from app.domain.inbox import KEPT_BODY, Answer, Inbox, InboxCall, Signature, new_token
from app.domain.instants import format_utc
from app.service import accounts, inboxes
from app.store.engine import db
from tests.api.server import Reply, Web, ask, read_reply, request, until

Make = Callable[..., Inbox]


@pytest.fixture(scope="module")
def app(web_environ: dict[str, str]) -> Iterator[Flask]:
    """The use cases on the database of the running web server."""
    made = create_app(config.load(web_environ))
    yield made
    with made.app_context():
        db.engine.dispose()


@pytest.fixture
def key(app: Flask) -> str:
    """The key of an account of its own."""
    with app.app_context():
        return accounts.create(current_context(), f"account-{uuid4()}")


@pytest.fixture
def caller(app: Flask, key: str) -> Caller:
    with app.app_context():
        return accounts.authenticate(current_context(), key, account=None)


@pytest.fixture
def make_inbox(app: Flask, caller: Caller) -> Make:
    def make(answer: Answer = Answer.OK) -> Inbox:
        with app.app_context():
            return inboxes.create_for(current_context(), caller, answer=answer)

    return make


@pytest.fixture
def calls_of(app: Flask, caller: Caller) -> Callable[[Inbox], tuple[InboxCall, ...]]:
    def calls(inbox: Inbox) -> tuple[InboxCall, ...]:
        with app.app_context():
            return inboxes.list_calls(
                current_context(), caller.account, inbox.id, below=None, limit=1000
            )

    return calls


def post(web: Web, inbox: Inbox, rest: str = "", body: bytes = b"", **headers: str) -> Reply:
    return ask(web, request("POST", f"/in/{inbox.token}{rest}", body, **headers))


def signed_headers(app: Flask, caller: Caller, run_id: UUID, body: bytes) -> dict[str, str]:
    """As a worker sends them."""
    with app.app_context():
        secrets = accounts.list_secrets(current_context(), caller.account.name)
    now = int(time.time())
    signature = sign([secrets[0].value], message_id=str(run_id), timestamp=now, body=body)
    return {
        "webhook-id": str(run_id),
        "webhook-timestamp": f"{now}",
        "webhook-signature": signature,
        "wakecall-attempt": "3",
        "wakecall-scheduled-for": format_utc(datetime.now(UTC) - timedelta(seconds=1)),
    }


def test_a_call_is_recorded_with_all_that_came(
    web: Web, make_inbox: Make, calls_of: Callable[[Inbox], tuple[InboxCall, ...]]
) -> None:
    inbox = make_inbox()
    body = b"\x00\xff{}" * 10

    sent = request("PATCH", f"/in/{inbox.token}/a%2Fb/?x=1&y=%20", body, X_Own="caf\xe9")
    reply = ask(web, sent)

    assert (reply.status, reply.body) == (204, b"")
    (call,) = calls_of(inbox)
    received = call.received
    assert (call.number, call.answer) == (1, Answer.OK)
    assert (received.method, received.path, received.query) == ("PATCH", "/a%2Fb/", "x=1&y=%20")
    assert (received.body, received.body_bytes) == (body, len(body))
    assert ("x-own", "caf\xe9") in received.headers
    assert received.signature is Signature.MISSING
    assert abs(received.received_at - datetime.now(UTC)) < timedelta(seconds=60)


def test_what_wakecall_signed_is_verified_and_shows_its_run(
    web: Web,
    app: Flask,
    caller: Caller,
    make_inbox: Make,
    calls_of: Callable[[Inbox], tuple[InboxCall, ...]],
) -> None:
    inbox, run_id, body = make_inbox(), uuid4(), b"x" * 100_000
    headers = signed_headers(app, caller, run_id, body)
    headers = {name.replace("-", "_"): value for name, value in headers.items()}

    assert post(web, inbox, body=body, **headers).status == 204
    assert post(web, inbox, body=body + b"!", **headers).status == 204

    forged, genuine = calls_of(inbox)
    received = genuine.received
    assert received.signature is Signature.VERIFIED
    assert (received.run_id, received.attempt) == (run_id, 3)
    assert received.lateness_ms is not None
    assert 900 < received.lateness_ms < 60_000
    assert (received.body, received.body_bytes) == (body[:KEPT_BODY], len(body))
    assert forged.received.signature is Signature.INVALID
    assert (forged.received.run_id, forged.received.lateness_ms) == (None, None)


@pytest.mark.parametrize(
    ("answer", "status", "header"),
    [
        (Answer.OK, 204, None),
        (Answer.ERROR, 500, None),
        (Answer.BUSY, 429, ("retry-after", "10")),
        (Answer.LATER, 202, ("wakecall-complete", "later; within=3600")),
    ],
)
def test_an_inbox_answers_as_chosen(
    web: Web, make_inbox: Make, answer: Answer, status: int, header: tuple[str, str] | None
) -> None:
    reply = post(web, make_inbox(answer))

    assert reply.status == status
    if header is not None:
        assert reply.headers[header[0]] == header[1]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PROPFIND"])
def test_any_method_is_recorded(
    web: Web,
    make_inbox: Make,
    calls_of: Callable[[Inbox], tuple[InboxCall, ...]],
    method: str,
) -> None:
    inbox = make_inbox(Answer.ERROR)
    with web.connect() as connection:
        connection.sendall(request(method, f"/in/{inbox.token}"))
        assert read_reply(connection, head_only=method == "HEAD").status == 500
    assert [each.received.method for each in calls_of(inbox)] == [method]


@pytest.mark.parametrize(
    "path",
    [
        f"/in/{new_token()}",
        "/in/",
        "/in/x",
        f"/in/{'x' * 5000}",
        f"/in/{new_token()}%00",
        f"/in/{'%61' * 32}",
        "/in/../healthz",
    ],
    ids=["unknown", "none", "short", "long", "null-byte", "encoded", "other-path"],
)
def test_an_unknown_token_is_a_short_404(web: Web, path: str) -> None:
    reply = ask(web, request("POST", path, b"x"))
    assert reply.status == 404
    assert reply.json()["type"] == "/problems/not-found"
    assert len(reply.body) < 400


def test_no_more_than_the_bound_of_a_body_is_read(
    web: Web, make_inbox: Make, calls_of: Callable[[Inbox], tuple[InboxCall, ...]]
) -> None:
    inbox = make_inbox()
    assert post(web, inbox, body=b"x" * MAX_BODY).status == 204
    with web.connect() as connection:
        connection.sendall(request("POST", f"/in/{inbox.token}", Content_Length=f"{MAX_BODY + 1}"))
        connection.sendall(b"x" * (MAX_BODY + 1))
        assert read_reply(connection).status == 413
    assert [each.received.body_bytes for each in calls_of(inbox)] == [MAX_BODY]


def test_headers_paths_and_queries_are_kept_within_bounds(
    web: Web, make_inbox: Make, calls_of: Callable[[Inbox], tuple[InboxCall, ...]]
) -> None:
    inbox = make_inbox()
    many = {f"h{number}": "v" * 200 for number in range(80)}

    assert post(web, inbox, f"/{'p' * 5000}?{'q' * 5000}", b"", **many).status == 204

    (call,) = calls_of(inbox)
    assert (len(call.received.path), len(call.received.query)) == (2048, 2048)
    assert 30 < len(call.received.headers) < 60


def test_unsigned_calls_do_not_keep_signed_ones_away(
    web: Web,
    app: Flask,
    caller: Caller,
    make_inbox: Make,
    calls_of: Callable[[Inbox], tuple[InboxCall, ...]],
) -> None:
    inbox, run_id = make_inbox(), uuid4()
    with web.connect() as connection:
        statuses = set()
        for _ in range(120):
            connection.sendall(request("POST", f"/in/{inbox.token}", b""))
            statuses.add(read_reply(connection).status)
    assert statuses == {204, 429}

    headers = signed_headers(app, caller, run_id, b"")
    headers = {name.replace("-", "_"): value for name, value in headers.items()}
    assert post(web, inbox, "", b"", **headers).status == 204
    assert calls_of(inbox)[0].received.run_id == run_id


def test_a_network_that_guesses_tokens_does_not_keep_known_ones_away(
    web: Web, make_inbox: Make
) -> None:
    inbox, later = make_inbox(), make_inbox()
    assert post(web, inbox).status == 204
    with web.connect() as connection:
        for _ in range(400):
            connection.sendall(request("POST", f"/in/{new_token()}", b""))
            assert read_reply(connection).status == 404
    assert post(web, inbox).status == 204
    # Neither one that the process has not seen yet.
    assert post(web, later).status == 204


def test_calls_that_are_answered_late_hold_no_thread(
    web: Web, key: str, make_inbox: Make, calls_of: Callable[[Inbox], tuple[InboxCall, ...]]
) -> None:
    inbox = make_inbox(Answer.WAIT)
    with ExitStack() as stack:
        waiting = [stack.enter_context(web.connect()) for _ in range(40)]
        for each in waiting:
            each.sendall(request("POST", f"/in/{inbox.token}", b""))
        until(lambda: len(calls_of(inbox)) == 40)

        listed = ask(web, request("GET", "/1/jobs", X_API_Key=key, Accept="application/json"))

        assert listed.status == 200
        for each in waiting:
            each.settimeout(0)
            with pytest.raises(BlockingIOError):
                each.recv(1)


def test_a_body_that_does_not_come_is_not_recorded(
    web: Web, make_inbox: Make, calls_of: Callable[[Inbox], tuple[InboxCall, ...]]
) -> None:
    inbox = make_inbox()
    with web.connect() as connection:
        connection.sendall(request("POST", f"/in/{inbox.token}", Content_Length="10") + b"123")
        connection.shutdown(socket.SHUT_RDWR)
    assert post(web, inbox).status == 204
    assert len(calls_of(inbox)) == 1


def test_a_body_that_comes_too_slowly_is_refused_as_such(
    web: Web, make_inbox: Make, calls_of: Callable[[Inbox], tuple[InboxCall, ...]]
) -> None:
    inbox = make_inbox()
    with web.connect() as connection:
        connection.sendall(request("POST", f"/in/{inbox.token}", Content_Length="10") + b"123")
        reply = read_reply(connection)
    assert reply.status == 408
    assert json.loads(reply.body)["type"].endswith("/problems/too-slow")
    assert not calls_of(inbox)


def test_no_answer_contains_what_was_sent(web: Web, make_inbox: Make) -> None:
    sent = hashlib.sha256(b"marker").hexdigest()
    reply = post(
        web, make_inbox(Answer.ERROR), f"/{sent}?{sent}", json.dumps(sent).encode(), X=sent
    )
    assert sent.encode() not in reply.body
    assert sent not in str(reply.headers)
    assert reply.headers["content-type"].startswith("text/plain")
    assert reply.headers["x-content-type-options"] == "nosniff"
