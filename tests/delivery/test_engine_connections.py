"""Engine: connections that are kept, have died or do not come about, and names to look up."""

from __future__ import annotations

import contextlib
import os
import resource

import pytest

from app.delivery.received import MAX_RECEIVED
from app.delivery.transfer import MAX_BODY
from app.domain.run import Reply
from tests.delivery.full_backlog import full_backlog
from tests.delivery.outbound import Outbound
from tests.delivery.test_engine import call_to
from tests.ports import free_port
from tests.receiver import (
    Exchange,
    Receiver,
    answer,
    hang,
    hang_up,
    in_turn,
)


def test_the_connection_is_kept_and_used_again(outbound: Outbound, receiver: Receiver) -> None:
    replies = [outbound.send(receiver.url()) for _ in range(5)]
    assert [reply.status for reply in replies] == [200] * 5
    assert receiver.connections == 1
    assert replies[0].timing.connect is not None
    assert replies[4].timing.connect is None


def test_what_a_kept_connection_receives_is_bounded_for_each_call(
    outbound: Outbound, receiver: Receiver
) -> None:
    receiver.default = answer(200, body=b"x" * MAX_BODY)
    for _ in range(MAX_RECEIVED // MAX_BODY + 50):
        assert outbound.send(receiver.url()).status == 200
    assert receiver.connections == 1


def test_a_kept_connection_that_died_meanwhile_costs_nothing(
    outbound: Outbound, receiver: Receiver
) -> None:
    def last_answer(exchange: Exchange) -> None:
        answer(200)(exchange)
        hang_up(exchange)

    receiver.default = last_answer
    for number in range(1, 4):
        assert outbound.send(receiver.url()).status == 200
        receiver.wait_for(number)
    assert receiver.connections == 3
    assert len(receiver.requests) == 3


def test_a_kept_connection_closed_on_the_next_request_is_replaced(
    outbound: Outbound, receiver: Receiver
) -> None:
    receiver.default = in_turn(answer(200), hang_up, answer(202))
    assert outbound.send(receiver.url()).status == 200
    assert outbound.send(receiver.url()).status == 202
    assert [request.connection for request in receiver.requests] == [1, 1, 2]


def test_child_processes_do_not_inherit_connections(outbound: Outbound, receiver: Receiver) -> None:
    outbound.send(receiver.url())
    sockets = list(outbound.engine._armed)
    assert len(sockets) >= 1
    assert not any(os.get_inheritable(fd) for fd in sockets)


def test_a_call_without_a_free_descriptor_fails_with_a_reason_and_the_next_succeeds(
    outbound: Outbound, receiver: Receiver
) -> None:
    outbound.send(receiver.url())
    held = []
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        with contextlib.suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        reply = outbound.send("http://127.0.0.1:2/")
    finally:
        for fd in held:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert (reply.status, reply.error) == (None, "connect-failed")
    assert reply.error_detail is not None
    assert "No socket could be opened" in reply.error_detail
    assert outbound.send(receiver.url()).status == 200


def test_a_refused_connection_is_reported_as_such(outbound: Outbound) -> None:
    reply = outbound.send(f"http://127.0.0.1:{free_port()}/")
    assert (reply.status, reply.error) == (None, "connect-failed")
    assert reply.timing.connect is None


def test_a_connection_that_does_not_come_about_ends_by_the_connect_timeout() -> None:
    with full_backlog() as port, Outbound(connect_timeout=0.3) as outbound:
        reply = outbound.send(f"http://127.0.0.1:{port}/")
    assert (reply.status, reply.error) == (None, "timeout")
    assert reply.error_detail is not None
    assert "connection" in reply.error_detail
    assert reply.timing.total < 5000


def test_a_call_that_waited_for_its_name_is_asked_for_leave_to_begin(
    outbound: Outbound, receiver: Receiver
) -> None:
    outbound.names.answer("hook.example", "127.0.0.1")
    replies: list[Reply] = []
    call = call_to(receiver.url(host="hook.example"))
    outbound.engine.post(call, replies.append, may_begin=lambda: False)
    outbound.run(lambda: len(replies) == 1)
    assert replies[0].error == "withdrawn"
    assert receiver.requests == []
    outbound.engine.post(call, replies.append, may_begin=lambda: True)
    outbound.run(lambda: len(replies) == 2)
    assert replies[1].status == 200


@pytest.mark.parametrize("later", [0.0, 0.5])
def test_a_call_whose_name_is_found_at_its_deadline_has_timed_out(
    outbound: Outbound, receiver: Receiver, later: float
) -> None:
    outbound.names.answer("hook.example", "127.0.0.1")
    receiver.default = hang
    clock, replies = outbound.loop.clock, list[Reply]()
    passed = 0.0
    outbound.loop.clock = lambda: clock() + passed
    call = call_to(receiver.url(host="hook.example"))

    def stall() -> None:
        nonlocal passed
        passed = call.timeout + later

    # Behind the timers of a step, and just before the engine gets the addresses.
    outbound.loop.call_soon(outbound.loop.call_soon, stall)
    outbound.engine.post(call, replies.append)
    outbound.run(lambda: len(replies) == 1, 5)
    assert (replies[0].error, receiver.requests) == ("timeout", [])


def test_a_call_goes_on_to_its_next_address_only_while_it_is_wanted(
    outbound: Outbound, receiver: Receiver
) -> None:
    # Nobody listens at the first.
    outbound.names.answer("hook.example", "::1", "127.0.0.1")
    replies: list[Reply] = []
    asked: list[bool] = []

    def may_go_on() -> bool:
        asked.append(True)
        return len(asked) > 1

    call = call_to(receiver.url(host="hook.example"))
    for number, expected in enumerate((("withdrawn", 0), (None, 1)), 1):
        outbound.engine.post(call, replies.append, may_go_on=may_go_on)
        outbound.run(lambda wanted=number: len(replies) == wanted)  # type: ignore[misc] # the loop's own
        assert len(asked) == number
        assert (replies[-1].error, len(receiver.requests)) == expected
    assert outbound.engine.in_flight == 0


def test_a_prepared_name_is_known_when_its_call_is_handed_in(
    outbound: Outbound, receiver: Receiver
) -> None:
    outbound.names.answer("hook.example", "127.0.0.1")
    url = receiver.url(host="hook.example")
    outbound.engine.prepare(url)
    outbound.engine.prepare("no URL at all")
    outbound.run(lambda: outbound.guard.known("hook.example") is not None)
    assert outbound.send(url).timing.dns is None
    assert outbound.names.asked == ["hook.example"]
