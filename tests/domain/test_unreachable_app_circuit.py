"""Circuit breaker of a Dapr app: calls that do not reach it use no attempt."""

from __future__ import annotations

from itertools import accumulate

import pytest

from app.domain import circuit_breaker
from app.domain.circuit_breaker import (
    CLOSED,
    DOWN_AFTER,
    BlockReason,
    CircuitBreaker,
)
from app.domain.run import Reply
from tests.domain.test_circuit_breaker import (
    OK,
    REFUSED,
    SHARE,
    UNREACHED,
    after,
    asking,
    failing,
    free,
)


@pytest.mark.parametrize("reply", UNREACHED)
def test_the_first_call_that_does_not_reach_an_app_holds_up_the_others(reply: Reply) -> None:
    away = after(CLOSED, reply, now=10.0, unreachable_is_free=True)

    assert away.block_reason is BlockReason.AWAY
    assert away.last_failure.startswith(str(reply.error))
    assert not free(away, 10.999)
    assert free(away, 11.0)
    assert not free(away, 11.0, probing=True)
    assert after(away, reply, now=10.5, begun=9.9, unreachable_is_free=True) is away
    assert after(CLOSED, reply, now=10.0).block_reason is None, "others have failures to spend"


@pytest.mark.parametrize("before", [CLOSED, failing(DOWN_AFTER + 9)])
def test_an_app_that_is_away_is_probed_every_second_and_then_every_few(
    before: CircuitBreaker,
) -> None:
    breaker, waits = before, []
    for _ in range(80):
        now = max(100.0, breaker.until)
        breaker = after(breaker, REFUSED, now=now, unreachable_is_free=True)
        waits.append(round(breaker.until - now, 6))

    assert waits[:3] == pytest.approx([1, 1.25, 1.5625])
    assert waits == sorted(waits)
    assert waits[-1] == 60.0
    away = list(accumulate(waits))
    assert all(wait <= 8 for wait, since in zip(waits, away, strict=True) if since < 60)
    assert all(wait <= max(8, since / 8) for wait, since in zip(waits, away, strict=True))


@pytest.mark.parametrize("unreachable", [100, 1500, 10_000])
def test_all_unreachable_apps_of_an_account_share_ten_probes_a_second(unreachable: int) -> None:
    breaker = CLOSED
    for now in (10.0, 20.0):
        breaker = circuit_breaker.on_missing_app(breaker, "refused", now, unreachable=unreachable)
        assert breaker.until - now >= unreachable / 10


@pytest.mark.parametrize("parked", [1, 1500, 200_000])
def test_what_waits_for_unreachable_apps_comes_back_ten_a_second(parked: int) -> None:
    stays = [
        circuit_breaker.park_for_unreachable(parked=parked, blocked_for=5.0, jitter=jitter)
        for jitter in (0, 0.99)
    ]
    assert min(stays) >= max(5.0, parked / 10)
    assert max(stays) <= 2 * max(5.0, parked / 10)


@pytest.mark.parametrize("reply", [OK, Reply(status=404), Reply(status=500)])
@pytest.mark.parametrize("begun", [5.0, 12.0])
def test_any_answer_shows_that_an_app_is_back(reply: Reply, begun: float) -> None:
    away = after(CLOSED, REFUSED, now=10.0, unreachable_is_free=True)

    back = after(away, reply, now=12.0, begun=begun, unreachable_is_free=True)

    assert back.block_reason is None
    assert free(back, 12.0, in_flight=1)
    assert not free(back, 12.0, in_flight=5)


@pytest.mark.parametrize(
    "reply",
    [
        *(Reply(status=status) for status in (429, 500, 502, 503, 504)),
        *(asking("30", status) for status in (429, 503)),
        *(Reply(error=error) for error in ("timeout", "connection-lost", "tls-failed")),
    ],
)
@pytest.mark.parametrize(
    "before", [CLOSED, after(CLOSED, REFUSED, now=10.0, unreachable_is_free=True)]
)
def test_no_answer_for_one_job_holds_up_its_app(reply: Reply, before: CircuitBreaker) -> None:
    breaker = before
    for _ in range(2 * DOWN_AFTER):
        breaker = after(breaker, reply, now=12.0, unreachable_is_free=True)
        assert breaker.block_reason is None
        assert free(breaker, 12.0)


def test_a_connection_that_was_lost_before_says_nothing_of_an_app_that_is_away() -> None:
    away = after(CLOSED, REFUSED, now=10.0, unreachable_is_free=True)
    lost = Reply(error="connection-lost")

    assert after(away, lost, now=10.1, begun=9.0, unreachable_is_free=True) is away
    assert after(away, lost, now=11.1, begun=11.0, unreachable_is_free=True).block_reason is None


def test_a_probe_that_could_not_be_signed_is_no_sign_of_life() -> None:
    away = after(CLOSED, REFUSED, now=10.0, unreachable_is_free=True)

    unsigned = after(
        away, Reply(error="signing-failed", connected=False), now=11.0, unreachable_is_free=True
    )

    assert unsigned.block_reason is BlockReason.AWAY
    assert unsigned.until == 12.0


def test_any_status_of_a_grpc_app_shows_that_it_is_up() -> None:
    refused = Reply(error="connect-failed", error_detail="nobody listens", connected=False)
    breaker = after(CLOSED, refused, now=10.0, unreachable_is_free=True)
    assert breaker.block_reason is BlockReason.AWAY
    answered = Reply(error="grpc-unavailable", error_detail="The app answered UNAVAILABLE (14).")
    for now in (20.0 + each for each in range(SHARE)):
        breaker = after(breaker, answered, now=now, unreachable_is_free=True)
        assert breaker.block_reason is None
    assert breaker is CLOSED
