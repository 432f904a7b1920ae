"""Calls of gRPC apps by two methods, against a real gRPC server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import grpc
import pytest

from app.delivery import job_event_calls
from app.delivery.grpc import as_grpc
from app.delivery.job_event_calls import JobEventCalls
from app.delivery.request import Call
from app.domain.run import Reply
from tests.delivery.grpc_app import ALPHA1, STABLE, Context, GrpcApp, accept, end
from tests.delivery.outbound import Outbound

BOTH = ["OnJobEvent", "OnJobEventAlpha1"]


class Caller:
    """Makes job event calls on an engine whose loop it runs; `now` is its clock."""

    def __init__(self, outbound: Outbound) -> None:
        self.now = 1000.0
        self.may_go_on: Callable[[], bool] = lambda: True
        self._outbound = outbound
        self._calls = JobEventCalls(outbound.engine.post, lambda: self.now)

    def call(self, app: GrpcApp, timeout: float = 10.0) -> Reply:
        """Make a call, and run the loop until it is answered."""
        replies: list[Reply] = []
        self._calls.post(
            as_grpc(Call(url=app.url + STABLE, headers=(), body=b"message", timeout=timeout)),
            replies.append,
            may_begin=lambda: True,
            may_go_on=self.may_go_on,
        )
        self._outbound.run(lambda: bool(replies))
        return replies[0]


@pytest.fixture
def caller(outbound: Outbound) -> Caller:
    return Caller(outbound)


@pytest.fixture
def app() -> Iterator[GrpcApp]:
    with GrpcApp() as app:
        yield app


def test_an_app_with_the_stable_method_is_called_by_it_alone(caller: Caller, app: GrpcApp) -> None:
    assert caller.call(app).status == 200
    assert app.methods == ["OnJobEvent"]


def test_an_app_with_alpha1_alone_is_called_by_it_at_once_and_from_then_on(
    caller: Caller, app: GrpcApp
) -> None:
    app.handlers = {ALPHA1: accept}
    reply = caller.call(app)
    assert reply.status == 200
    assert app.methods == BOTH
    assert {call.message for call in app.calls} == {b"message"}
    assert caller.call(app).status == 200
    assert app.methods[2:] == ["OnJobEventAlpha1"]


def test_what_is_remembered_is_forgotten_after_a_while(caller: Caller, app: GrpcApp) -> None:
    app.handlers = {ALPHA1: accept}
    caller.call(app)
    caller.now += job_event_calls.REMEMBERED_S + 1
    assert caller.call(app).status == 200
    assert app.methods == BOTH * 2


def test_an_app_that_gets_the_stable_method_is_called_by_it_again(
    caller: Caller, app: GrpcApp
) -> None:
    app.handlers = {ALPHA1: accept}
    caller.call(app)
    app.handlers = {STABLE: accept}
    assert caller.call(app).status == 200
    assert caller.call(app).status == 200
    assert app.methods == [*BOTH, "OnJobEventAlpha1", "OnJobEvent", "OnJobEvent"]


def test_an_app_with_neither_is_called_by_both_each_time(caller: Caller, app: GrpcApp) -> None:
    app.handlers = {}
    for _ in range(2):
        reply = caller.call(app)
        assert reply.error == "grpc-unimplemented"
        assert reply.error_detail == "The app answered UNIMPLEMENTED (12): no such job"
    assert app.methods == BOTH * 2


def test_another_failure_is_not_tried_by_the_other_method(caller: Caller, app: GrpcApp) -> None:
    app.handlers = {STABLE: end(grpc.StatusCode.UNAVAILABLE), ALPHA1: accept}
    assert caller.call(app).error == "grpc-unavailable"
    assert app.methods == ["OnJobEvent"]


def test_a_failure_of_alpha1_counts_and_shows_that_the_app_has_it(
    caller: Caller, app: GrpcApp
) -> None:
    app.handlers = {ALPHA1: end(grpc.StatusCode.ABORTED, "busy")}
    assert [caller.call(app).error for _ in range(2)] == ["grpc-aborted"] * 2
    assert app.methods == [*BOTH, "OnJobEventAlpha1"]


def test_the_second_method_gets_what_is_left_of_the_deadline(caller: Caller, app: GrpcApp) -> None:
    def refuse(message: bytes, context: Context) -> bytes:
        caller.now += 7.0
        return end(grpc.StatusCode.UNIMPLEMENTED)(message, context)

    app.handlers = {STABLE: refuse, ALPHA1: accept}
    reply = caller.call(app)
    _, second = app.calls
    assert second.seconds_left is not None
    assert second.seconds_left <= 3.0
    assert reply.timing.total >= 7000.0
    caller.now += job_event_calls.REMEMBERED_S
    assert caller.call(app, timeout=5.0).error == "grpc-unimplemented"
    assert app.methods == [*BOTH, "OnJobEvent"]


def test_no_second_method_is_called_for_a_run_that_was_withdrawn(
    caller: Caller, app: GrpcApp
) -> None:
    app.handlers = {ALPHA1: accept}
    caller.may_go_on = lambda: False
    assert caller.call(app).error == "withdrawn"
    assert app.methods == ["OnJobEvent"]


def test_as_many_apps_are_remembered_as_there_is_room_for(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_event_calls, "_MAX_REMEMBERED", 1)
    with GrpcApp({ALPHA1: accept}) as first, GrpcApp({ALPHA1: accept}) as second:
        for app in (first, second, second, first):
            assert caller.call(app).status == 200
        assert first.methods == BOTH * 2
        assert second.methods == [*BOTH, "OnJobEventAlpha1"]
