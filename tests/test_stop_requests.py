"""Signals that come at once are one request to stop; a later one is another."""

from __future__ import annotations

from app.stop_requests import REPEATED_WITHIN_S, StopRequests


def test_signals_that_come_at_once_are_one_request() -> None:
    requests = StopRequests()

    assert [requests.count(100.0 + n / 10) for n in range(10)] == [1, *[None] * 9]


def test_a_later_signal_is_a_request_of_its_own_and_may_be_repeated_too() -> None:
    requests = StopRequests()
    later = 100.0 + REPEATED_WITHIN_S

    assert [requests.count(at) for at in (100.0, later, later + 0.01)] == [1, 2, None]


def test_signals_without_end_do_not_put_off_the_next_request() -> None:
    requests = StopRequests()

    counted = [requests.count(n / 10) for n in range(40)]

    assert [each for each in counted if each] == [1, 2, 3, 4]
