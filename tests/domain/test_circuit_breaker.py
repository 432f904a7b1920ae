"""CircuitBreaker: its state after each kind of reply; shares, turns, parking times, reasons."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import circuit_breaker
from app.domain.circuit_breaker import (
    CLOSED,
    DOWN_AFTER,
    BlockReason,
    CircuitBreaker,
    may_begin,
    on_reply,
    park_for,
    share_of,
)
from app.domain.run import Reply

WALL = datetime(2026, 1, 1, tzinfo=UTC)
OK = Reply(status=204)
REFUSED = Reply(error="connect-failed", error_detail="nobody listens")
SHARE = 50
UNREACHED = [
    *(Reply(error=each) for each in ("connect-failed", "dns-failure", "denied-address")),
    Reply(error="timeout", connected=False),
]


def after(
    breaker: CircuitBreaker,
    reply: Reply,
    *,
    now: float,
    begun: float | None = None,
    unreachable_is_free: bool = False,
) -> CircuitBreaker:
    began = now if begun is None else begun
    return on_reply(
        breaker,
        reply,
        begun=began,
        now=now,
        wall=WALL,
        share=SHARE,
        unreachable_is_free=unreachable_is_free,
    )


def failing(times: int, reply: Reply = REFUSED) -> CircuitBreaker:
    breaker = CLOSED
    for _ in range(times):
        breaker = after(breaker, reply, now=10.0)
    return breaker


def asking(seconds: str, status: int = 503) -> Reply:
    return Reply(status=status, headers=(("Retry-After", seconds),))


def free(breaker: CircuitBreaker, now: float, *, in_flight: int = 0, probing: bool = False) -> bool:
    return may_begin(breaker, now, in_flight=in_flight, share=SHARE, probing=probing)


@pytest.mark.parametrize(
    "reply",
    [
        *(Reply(status=status) for status in (502, 503, 504)),
        *(
            Reply(error=error)
            for error in ("connect-failed", "timeout", "connection-lost", "tls-failed")
        ),
        Reply(error="dns-failure"),
    ],
)
def test_ten_failures_in_a_row_and_no_fewer_are_a_destination_down(reply: Reply) -> None:
    almost = failing(DOWN_AFTER - 1, reply)
    assert almost.block_reason is None
    assert free(almost, 10.0, in_flight=SHARE - 1)

    down = after(almost, reply, now=10.0)

    assert down.block_reason is BlockReason.DOWN
    assert not free(down, 10.999)
    assert free(down, 11.0)
    assert not free(down, 11.0, probing=True)


@pytest.mark.parametrize("status", [200, 204, 301, 404, 410, 500])
def test_an_answer_between_ends_the_row(status: int) -> None:
    breaker = after(failing(DOWN_AFTER - 1), Reply(status=status), now=10.0)

    assert breaker is CLOSED


@pytest.mark.parametrize("error", ["denied-address", "invalid-request", "signing-failed"])
def test_what_never_reached_the_destination_says_nothing_of_it(error: str) -> None:
    breaker = failing(DOWN_AFTER - 1)

    assert after(breaker, Reply(error=error), now=10.0) is breaker
    assert after(CLOSED, Reply(error=error), now=10.0) is CLOSED


def test_a_probe_that_learnt_nothing_is_followed_by_another_a_while_later() -> None:
    down = failing(DOWN_AFTER)

    probed = after(down, Reply(error="denied-address"), now=12.0)

    assert probed.block_reason is BlockReason.DOWN
    assert not free(probed, 12.9)
    assert free(probed, 13.0)


def test_probes_that_fail_come_at_growing_intervals_up_to_a_minute() -> None:
    breaker = failing(DOWN_AFTER)
    waits = []
    for _ in range(9):
        now = breaker.until
        breaker = after(breaker, REFUSED, now=now)
        waits.append(breaker.until - now)

    assert waits == [2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_replies_to_calls_that_began_before_change_nothing() -> None:
    down = failing(DOWN_AFTER)

    assert after(down, REFUSED, now=15.0, begun=9.0) is down


def test_one_success_closes_it_and_the_rest_comes_gradually() -> None:
    breaker = after(failing(DOWN_AFTER), OK, now=12.0)
    assert breaker.block_reason is None

    in_flight = []
    while breaker is not CLOSED:
        allowed = next(n for n in range(SHARE + 1) if not free(breaker, 12.0, in_flight=n))
        in_flight.append(allowed)
        breaker = after(breaker, OK, now=12.5)

    assert in_flight == list(range(2, SHARE))


def test_failures_while_half_open_reduce_the_limit_and_open_the_circuit() -> None:
    breaker = after(failing(DOWN_AFTER), OK, now=12.0)
    for _ in range(6):
        breaker = after(breaker, OK, now=12.0)
    assert breaker.allowed == 8

    assert after(breaker, REFUSED, now=12.0).allowed == 4
    for _ in range(DOWN_AFTER):
        breaker = after(breaker, REFUSED, now=12.0)

    assert breaker.block_reason is BlockReason.DOWN
    assert breaker.until == 14.0  # twice the wait before


@pytest.mark.parametrize("status", [429, 503])
def test_who_asks_for_time_gets_it(status: int) -> None:
    breaker = after(CLOSED, asking("7", status), now=10.0)

    assert breaker.block_reason is BlockReason.ASKED
    assert not free(breaker, 16.999)
    assert free(breaker, 17.0)
    assert not free(breaker, 17.0, probing=True)


def test_a_destination_waits_five_minutes_at_most() -> None:
    assert after(CLOSED, asking("86400"), now=10.0).until == 310.0


def test_a_longer_wish_counts_and_an_earlier_end_does_not() -> None:
    breaker = after(CLOSED, asking("7"), now=10.0)

    assert after(breaker, asking("3"), now=11.0) is breaker
    assert after(breaker, asking("20"), now=11.0, begun=9.0).until == 31.0


def test_a_success_does_not_cut_short_what_was_asked_for() -> None:
    breaker = after(CLOSED, asking("7"), now=10.0)

    assert after(breaker, OK, now=11.0, begun=9.0) is breaker
    assert after(breaker, OK, now=12.0) is breaker
    assert after(breaker, OK, now=17.5).block_reason is None


def test_a_bare_429_slows_down_for_ever_longer_while_it_is_repeated() -> None:
    breaker = after(CLOSED, Reply(status=429), now=10.0)
    assert (breaker.block_reason, breaker.until) == (BlockReason.SLOWED, 11.0)
    assert after(breaker, Reply(status=429), now=10.5, begun=9.0) is breaker

    assert after(breaker, Reply(status=429), now=11.0).until == 13.0


def test_a_bare_503_is_a_failure_and_no_wish() -> None:
    assert after(CLOSED, Reply(status=503), now=10.0).block_reason is None


replies = st.sampled_from(
    [
        OK,
        REFUSED,
        Reply(status=500),
        Reply(status=429),
        Reply(status=503),
        asking("5"),
        asking("0"),
        Reply(error="timeout"),
        Reply(error="denied-address"),
    ]
)


@given(st.lists(st.tuples(replies, st.floats(0, 400), st.floats(0, 20)), max_size=60))
def test_no_series_of_replies_blocks_a_destination_for_ever(
    history: list[tuple[Reply, float, float]],
) -> None:
    """A call may begin within five minutes, and successes alone set it free."""
    breaker, now = CLOSED, 1000.0
    for reply, pause, took in history:
        now += pause
        breaker = after(breaker, reply, now=now, begun=now - took)
        assert free(breaker, max(now, breaker.until))
        assert breaker.until - now <= circuit_breaker.MAX_RETRY_AFTER
        assert breaker.allowed is None or breaker.allowed >= 1
        assert breaker is CLOSED or breaker != CLOSED

    now = max(now, breaker.until)
    for _ in range(SHARE):
        breaker = after(breaker, OK, now=now)
    assert breaker is CLOSED


def test_workers_share_what_an_account_may_open() -> None:
    assert [share_of(50, workers) for workers in (0, 1, 2, 3, 60)] == [50, 50, 25, 16, 1]


def test_what_is_soon_follows_from_how_long_a_call_takes() -> None:
    assert circuit_breaker.begins_soon(ahead=24, seconds=1.0, share=50)
    assert not circuit_breaker.begins_soon(ahead=25, seconds=1.0, share=50)
    assert not circuit_breaker.begins_soon(ahead=1, seconds=15.0, share=50)
    assert circuit_breaker.begins_soon(ahead=1000, seconds=None, share=50)


@given(
    parked=st.integers(1, 1_000_000),
    rate=st.none() | st.floats(1e-4, 1e6),
    blocked_for=st.floats(0, 300),
    late=st.floats(0, 10_000),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_a_leave_is_neither_nothing_nor_for_ever(
    parked: int, rate: float | None, blocked_for: float, late: float, jitter: float
) -> None:
    stays = park_for(parked=parked, rate=rate, blocked_for=blocked_for, late=late, jitter=jitter)

    assert 1.0 <= stays <= 3600.0
    if blocked_for:
        assert stays == 1.0 or late + stays <= circuit_breaker.MAX_HOLD + 1e-6


def test_however_many_are_parked_a_hundred_a_second_come_back_by_themselves() -> None:
    assert park_for(parked=100_000, rate=3.3, blocked_for=0, late=0, jitter=0) == 1800
    assert park_for(parked=50_000, rate=1e6, blocked_for=0, late=0, jitter=0) == 500
    assert park_for(parked=100, rate=10.0, blocked_for=0, late=0, jitter=0.5) == 15
    assert park_for(parked=1, rate=None, blocked_for=40, late=0, jitter=0) == 40


OF_NO_DESTINATION = {
    BlockReason.SUSPENDED,
    BlockReason.STOPPING,
    BlockReason.KEY_MISSING,
    BlockReason.UNPREPARED,
}


def test_reasons_name_the_host_and_when_it_is_called_next() -> None:
    at = datetime(2026, 1, 1, 12, 0, 0, 1, tzinfo=UTC)
    host = "example.com"
    of_destinations = [each for each in BlockReason if each not in OF_NO_DESTINATION]
    assert [
        circuit_breaker.reason(block_reason, host, in_flight=50, at=at)
        for block_reason in of_destinations
    ] == [
        "waiting: 50 calls to example.com are under way",
        "waiting: example.com asked to wait until 2026-01-01T12:00:01Z",
        "waiting: example.com answered 429; next call at 2026-01-01T12:00:01Z",
        "waiting: example.com is down; next probe at 2026-01-01T12:00:01Z",
        (
            "waiting: the app at example.com cannot be reached;"
            " no attempt is used up, next probe at 2026-01-01T12:00:01Z"
        ),
    ]
    why = circuit_breaker.reason(
        BlockReason.AWAY, host, in_flight=1, at=at, last_failure="connect-failed: nobody"
    )
    assert "example.com cannot be reached (connect-failed: nobody);" in why
    one = circuit_breaker.reason(BlockReason.FULL, host, in_flight=1, at=at)
    assert one == "waiting: 1 call to example.com is under way"
