"""Whether a connection stood: what tells a call that failed from one that never arrived."""

from __future__ import annotations

from app.domain.retry import is_unreached
from tests.delivery.full_backlog import full_backlog
from tests.delivery.outbound import Outbound
from tests.ports import free_port
from tests.receiver import Receiver, answer, hang, hang_up, in_turn, reset, say


def test_a_refused_connection_was_not_established(outbound: Outbound) -> None:
    reply = outbound.send(f"http://127.0.0.1:{free_port()}/")
    assert (reply.error, reply.connected) == ("connect-failed", False)
    assert is_unreached(reply)


def test_a_connection_that_times_out_was_not_established() -> None:
    with full_backlog() as port, Outbound(connect_timeout=0.3) as outbound:
        reply = outbound.send(f"http://127.0.0.1:{port}/")
    assert (reply.error, reply.connected) == ("timeout", False)
    assert is_unreached(reply)


def test_to_a_name_that_is_none_no_connection_stood(outbound: Outbound) -> None:
    outbound.names.fail("none.example", "there is none")
    for host, error in (("none.example", "dns-failure"), ("silent.example", "timeout")):
        reply = outbound.send(f"http://{host}/", timeout=1.0)
        assert (reply.error, reply.connected) == (error, False)
        assert is_unreached(reply)


def test_to_an_address_that_is_denied_no_connection_stood(outbound: Outbound) -> None:
    reply = outbound.send("http://10.0.0.1/")
    assert (reply.error, reply.connected) == ("denied-address", False)
    assert is_unreached(reply)


def test_who_says_nothing_was_reached_on_a_new_connection_as_on_a_kept_one(
    outbound: Outbound, receiver: Receiver
) -> None:
    receiver.default = in_turn(hang, answer(200), hang)
    replies = [outbound.send(receiver.url(), timeout=1.0) for _ in range(3)]
    assert [reply.error for reply in replies] == ["timeout", None, "timeout"]
    assert [request.connection for request in receiver.requests] == [1, 2, 2]
    assert all(reply.connected for reply in replies)
    assert not any(map(is_unreached, replies))


def test_who_does_not_answer_the_handshake_was_reached(
    outbound: Outbound, receiver: Receiver
) -> None:
    reply = outbound.send(receiver.url(scheme="https"), timeout=1.0)
    assert (reply.error, reply.connected) == ("timeout", True)


def test_who_breaks_off_was_reached(outbound: Outbound, receiver: Receiver) -> None:
    for behaviour in (hang_up, reset, say(b"HTTP/1.1 200 OK\r\nX-A"), say(b"nonsense\r\n")):
        receiver.default = behaviour
        reply = outbound.send(receiver.url())
        assert reply.error is not None
        assert reply.connected
        assert not is_unreached(reply)


def test_an_answer_says_that_a_connection_stood(outbound: Outbound, receiver: Receiver) -> None:
    assert [outbound.send(receiver.url()).connected for _ in range(2)] == [True, True]
