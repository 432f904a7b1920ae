"""Replay: how long a program on this machine may take to answer a call that is brought to it."""

from __future__ import annotations

from tests.clients.cli.test_listen import call
from tests.receiver import Receiver, drip
from wakecall.cli import replay
from wakecall.cli.replay import Target


def test_an_answer_without_an_end_is_given_up_after_the_timeout() -> None:
    """The calls after it would wait for ever."""
    with (
        Receiver(drip) as receiver,
        replay.sender(Target(base=receiver.url(""), timeout=0.5)) as send,
    ):
        replayed = send(call())
    assert (replayed.status, replayed.is_success) == (None, False)
    assert replayed.error == "the answer takes longer than 0.5 s"
