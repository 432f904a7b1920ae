"""Destinations: capped, held up, probed and fetched for, by the clock and engine of the test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
import structlog

from app.delivery.loop import Loop
from app.domain.flow import DOWN_AFTER, Cause
from app.domain.manner import Manner
from app.domain.retry_policy import RetryPolicy
from app.domain.run import Reply, RunState
from app.store.parking import Release
from tests.workers.test_courier import SECRET, TOKENS, Clock, FakeEngine, Stage, taken
from workers import destinations
from workers.courier import WITHDRAWN, Courier
from workers.destination import Destination
from workers.fetcher import Summons
from workers.held import Held, hold

OK = Reply(status=204)
REFUSED = Reply(error="connect-failed", error_detail="nobody listens")
URL = "http://receiver.test/cb"
OTHER = "http://other.test/cb"


class Capped(Stage):
    """A stage on which four calls to a destination may be under way, two for account 2."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.loop = Loop(clock=self.clock)
        self.engine = FakeEngine()
        self.courier = Courier(
            self.loop,
            self.engine,
            tokens=TOKENS,
            concurrency=100,
            connections=4,
            limits={2: 2},
            jitter=lambda: 0.0,
        )
        self.flow = self.courier.destinations

    def hold_many(self, number: int, url: str = URL, account: int = 1) -> list[Held]:
        return [self.hold(0.0, url=url, account_id=account) for _ in range(number)]

    def come_back(self, released: Held, *, late: float = 10.0) -> Held:
        """A run that was given back, taken again after so long."""
        run = released.run
        send_at = run.due_at + timedelta(seconds=late)
        again = run._replace(token=run.token + 2, planned_at=run.due_at, send_at=send_at)
        held = hold(again, (SECRET,), asked=self.clock.now, answered=self.clock.now)
        self.courier.accept([held])
        self.step()
        return held

    def urls(self) -> list[str]:
        return [call.url for call, _, _ in self.engine.calls]

    def place(self, url: str = URL) -> Destination:
        host = url.split("/")[2]
        return next(each for each in self.flow._known.values() if each.host == host)

    def given_back(self) -> list[Release]:
        batch = list(self.flow.releases)
        self.flow.releases.clear()
        released = [release for _, release in batch]
        self.courier.given_back([held for held, _ in batch], {each.id for each in released})
        self.step()
        return released

    def answer_all(self, reply: Reply) -> None:
        for _ in range(len(self.engine.calls)):
            self.engine.answer(reply)
        self.step()

    def go_down(self, reply: Reply = REFUSED) -> None:
        for _ in range(DOWN_AFTER):
            self.hold(0.0)
            self.engine.answer(reply)
            self.step()
        self.courier.outcomes.clear()


@pytest.fixture
def stage() -> Iterator[Capped]:
    made = Capped()
    yield made
    made.loop.close()


def causes(releases: Sequence[Release]) -> set[Cause]:
    return {each.cause for each in releases}


def test_no_more_calls_are_under_way_than_the_cap(stage: Capped) -> None:
    stage.hold_many(10)
    assert len(stage.engine.calls) == 4

    for _ in range(6):
        stage.engine.answer(OK)
        stage.step()
        assert len(stage.engine.calls) <= 4

    assert len(stage.courier.outcomes) == 6
    assert len(stage.engine.calls) == 4


def test_a_destination_is_account_scheme_host_and_port(stage: Capped) -> None:
    for url in (URL, "http://RECEIVER.test:80/elsewhere?x=1"):
        stage.hold_many(3, url)
    assert len(stage.engine.calls) == 4

    for url in ("https://receiver.test/cb", "http://receiver.test:81/cb", OTHER):
        stage.hold_many(1, url)
    stage.hold_many(1, URL, account=3)
    assert len(stage.engine.calls) == 8


def test_an_account_may_have_a_cap_of_its_own(stage: Capped) -> None:
    stage.hold_many(5, account=2)

    assert len(stage.engine.calls) == 2


def test_workers_share_the_cap_and_it_changes_with_their_number(stage: Capped) -> None:
    stage.courier.share_among(2)
    stage.step()
    stage.hold_many(5)
    assert len(stage.engine.calls) == 2

    stage.courier.share_among(1)
    stage.step()
    stage.engine.answer(OK)
    stage.step()
    assert len(stage.engine.calls) == 4


def test_what_waits_too_long_for_a_full_destination_is_given_back(stage: Capped) -> None:
    held = stage.hold_many(6)
    assert stage.given_back() == []

    stage.step(0.99)
    assert stage.given_back() == []
    stage.step(0.02)

    released = stage.given_back()
    assert [each.id for each in released] == [each.run.id for each in held[4:]]
    assert causes(released) == {Cause.FULL}
    assert released[0].reason == "waiting: 4 calls to receiver.test are under way"
    assert released[0].destination == "http://receiver.test:80"
    assert stage.courier.held == set(held[:4])


def test_what_is_too_old_for_its_job_takes_no_slot_and_is_not_given_back(stage: Capped) -> None:
    brief = Manner(retry=RetryPolicy(max_age=60.0))
    stage.hold_many(3)
    for _ in range(2):
        stage.hold(-61.0, manner=brief, attempts=1)
    stage.hold_many(1)
    stage.hold(-61.0, manner=brief, attempts=1)

    assert len(stage.engine.calls) == 4
    assert stage.given_back() == []
    states = [settlement.state for _, settlement in stage.courier.outcomes]
    assert states == [RunState.FAILED] * 3


def test_what_grows_too_old_while_it_waits_leaves_its_turn_to_the_next(stage: Capped) -> None:
    stage.hold_many(4)
    stage.hold(-59.9, manner=Manner(retry=RetryPolicy(max_age=60.0)), attempts=1)
    (last,) = stage.hold_many(1)
    stage.step(0.2)
    stage.engine.answer(OK)
    stage.step()
    while stage.courier.questions:
        stage.answer_question()

    assert len(stage.engine.calls) == 4
    assert f"webhook-id: {last.run.id}" in stage.engine.calls[-1][0].headers
    assert stage.place().asking == 0
    states = [settlement.state for _, settlement in stage.courier.outcomes]
    assert states == [RunState.SUCCEEDED, RunState.FAILED]


def test_nothing_waits_for_a_destination_known_to_be_slow(stage: Capped) -> None:
    stage.hold_many(4)
    stage.step(15)
    stage.answer_all(OK)

    stage.hold_many(5)

    assert len(stage.given_back()) == 1


def test_runs_that_wait_for_one_destination_hold_up_no_other(stage: Capped) -> None:
    stage.hold_many(60)
    stage.hold_many(1, OTHER)

    assert stage.urls() == [URL] * 4 + [OTHER]
    assert stage.courier._late == set()
    assert len(stage.given_back()) == 60 - 4 - 50  # half the concurrency may wait


def test_a_worker_in_which_many_wait_for_their_destinations_wants_no_more_overdue_ones() -> None:
    crowded = Stage(concurrency=2000)
    for _ in range(50 + 499):
        crowded.hold(0.0)
    saturated = [crowded.courier.saturated]
    crowded.hold(0.0)
    saturated.append(crowded.courier.saturated)

    assert saturated == [False, True]
    assert crowded.courier._late == set()
    crowded.loop.close()


def test_a_run_that_waited_is_asked_about_again_before_it_begins(stage: Capped) -> None:
    waits = stage.hold_many(5)[4]
    stage.step(0.1)
    stage.engine.answer(OK)
    stage.step()
    assert len(stage.engine.calls) == 3
    assert list(stage.courier.questions) == [waits]

    stage.answer_question(wanted=False)

    assert len(stage.engine.calls) == 3
    assert stage.place().idle is False
    stage.answer_all(OK)
    assert stage.place().idle is True


def test_the_slot_of_a_run_that_turns_out_unwanted_goes_to_the_next(stage: Capped) -> None:
    stage.hold_many(7)
    stage.step(0.1)
    stage.engine.answer(OK)
    stage.step()
    asked = len(stage.courier.questions)
    assert asked == 3  # as many as may follow soon are asked about ahead

    stage.answer_question(wanted=False)
    stage.answer_question()
    assert len(stage.engine.calls) == 4
    stage.answer_question()
    assert len(stage.engine.calls) == 4
    stage.engine.answer(OK)
    stage.step()
    assert len(stage.engine.calls) == 4


def test_a_call_withdrawn_before_it_began_frees_its_slot(stage: Capped) -> None:
    stage.hold_many(5)
    stage.engine.answer(Reply(error=WITHDRAWN, error_detail="the word was stale"))
    stage.step()

    # The one that waited has the slot; the withdrawn one is still sure, and waits in its place.
    assert len(stage.engine.calls) == 4
    stage.answer_all(OK)
    stage.answer_all(OK)
    assert stage.place().idle is True
    assert len(stage.courier.outcomes) == 5


def test_runs_given_back_are_sent_for_as_there_is_room(stage: Capped) -> None:
    held = stage.hold_many(7)
    stage.step(1.01)
    assert len(stage.given_back()) == 3
    stage.step(0.1)
    assert not stage.flow.fetcher.summons  # there is no room

    stage.engine.answer(OK)
    stage.engine.answer(OK)
    stage.step(0.1)
    (summons,) = stage.flow.fetcher.summons
    assert summons.destination.parking == (1, "http://receiver.test:80")
    assert 2 <= summons.number <= 3
    fresh = stage.hold(0.0)
    assert len(stage.engine.calls) == 2, "a slot that is spoken for was given away"

    for each in held[4:]:
        stage.come_back(each)
    stage.courier.fetched(summons, summons.number)
    stage.step()
    assert len(stage.engine.calls) == 4
    assert fresh in stage.courier.held


def test_nothing_is_sent_for_while_its_account_has_no_slot(stage: Capped) -> None:
    stage.hold_many(5)
    stage.step(1.01)
    assert len(stage.given_back()) == 1
    for n in range(25):
        stage.hold_many(4, url=f"http://slow{n}.test/")
    under_way = len(stage.engine.calls)
    for _ in range(4):
        stage.engine.answer(OK)
    stage.step(0.1)
    assert len(stage.engine.calls) == under_way < 100
    assert not stage.flow.fetcher.summons

    stage.answer_all(OK)
    stage.answer_all(OK)
    stage.step(0.1)
    assert len(stage.flow.fetcher.summons) == 1


def test_when_fewer_are_found_than_asked_for_no_more_are_sent_for(stage: Capped) -> None:
    stage.hold_many(5)
    stage.step(1.01)
    assert len(stage.given_back()) == 1
    stage.answer_all(OK)
    stage.step(0.1)
    summons = stage.flow.fetcher.summons.popleft()

    stage.courier.fetched(summons, 0)
    stage.step(1.0)

    assert not stage.flow.fetcher.summons
    stage.hold_many(4)
    assert len(stage.engine.calls) == 4


def test_no_more_is_sent_for_than_may_wait_and_all_have_their_turn(stage: Capped) -> None:
    """Fifty may wait; thirty destinations have four slots each, and runs parked elsewhere."""
    for n in range(30):
        run = taken(0.0)._replace(url=f"http://host{n}.test/")
        stage.come_back(hold(run, (SECRET,), asked=0.0, answered=0.0))
    stage.answer_all(OK)
    found: list[str] = []
    for _ in range(4):
        stage.step(0.1)
        assert 0 < sum(each.number for each in stage.flow.fetcher.summons) <= 50
        found += [each.destination.host for each in stage.flow.fetcher.summons]
        while stage.flow.fetcher.summons:
            summons = stage.flow.fetcher.summons.popleft()
            stage.courier.fetched(summons, summons.number)
        stage.step()

    assert len(set(found)) == 30


def test_only_what_is_written_as_given_back_is_sent_for(stage: Capped) -> None:
    """Sooner, it would not be found, and taken for gone."""
    held = stage.hold_many(6)
    stage.step(1.01)
    stage.answer_all(OK)
    stage.step(1.0)
    assert len(stage.flow.releases) == 2
    assert not stage.flow.fetcher.summons

    batch = [each for each, _ in stage.flow.releases]
    stage.courier.given_back(batch, {held[4].run.id})
    stage.step()
    stage.step(0.1)
    assert [each.known for each in stage.flow.fetcher.summons] == [1]


def test_what_was_parked_while_others_were_sent_for_is_not_forgotten(stage: Capped) -> None:
    stage.hold_many(6)
    stage.step(1.01)
    stage.given_back()
    stage.answer_all(OK)
    stage.step(0.1)
    summons = stage.flow.fetcher.summons.popleft()
    assert summons.known == 2
    stage.hold_many(5)
    stage.step(1.01)
    assert len(stage.given_back()) > 0

    stage.courier.fetched(summons, 0)
    stage.answer_all(OK)
    stage.step(0.1)

    assert stage.flow.fetcher.summons


def test_whoever_meets_a_run_that_was_parked_looks_for_others(stage: Capped) -> None:
    elsewhere = hold(taken(0.0), (SECRET,), asked=0.0, answered=0.0)

    stage.come_back(elsewhere)
    stage.step(0.1)

    assert [each.destination.parking for each in stage.flow.fetcher.summons] == [
        (1, "http://receiver.test:80")
    ]


def test_lateness_counts_from_the_due_time_also_after_a_leave(stage: Capped) -> None:
    held = stage.come_back(hold(taken(0.0), (SECRET,), asked=0.0, answered=0.0), late=10.0)
    stage.engine.answer(OK)
    _, settlement = stage.courier.outcomes.popleft()

    assert settlement.attempt is not None
    assert settlement.attempt.lateness_ms == pytest.approx(10_000)
    assert settlement.attempt.started_at == held.run.due_at + timedelta(seconds=10)


def test_a_destination_that_is_down_gets_one_probe_at_a_time(stage: Capped) -> None:
    with structlog.testing.capture_logs() as logs:
        stage.go_down()
    assert [(each["event"], each["account_id"], each["destination"]) for each in logs] == [
        ("destination.down", 1, "http://receiver.test:80")
    ]

    stage.hold_many(3)
    assert stage.engine.calls == []
    released = stage.given_back()
    assert causes(released) == {Cause.DOWN}
    assert "receiver.test is down; next probe at 2026-01-01T00:00:01Z" in released[0].reason

    stage.step(1.0)
    assert [each.number for each in stage.flow.fetcher.summons] == [1]
    stage.hold_many(3)
    assert len(stage.engine.calls) == 1
    assert len(stage.given_back()) == 2
    stage.hold_many(1, OTHER)
    assert stage.urls() == [URL, OTHER]


def test_a_probe_that_fails_is_followed_by_another_only_later(stage: Capped) -> None:
    stage.go_down()
    stage.step(1.0)
    stage.hold_many(1)
    stage.engine.answer(REFUSED)

    stage.step(1.9)
    stage.hold_many(1)
    assert stage.engine.calls == []
    stage.step(0.2)
    stage.hold_many(2)
    assert len(stage.engine.calls) == 1


def test_a_probe_that_was_withdrawn_leaves_the_way_to_the_next(stage: Capped) -> None:
    stage.go_down()
    stage.step(1.0)
    probe = stage.hold(0.0)
    stage.clock.now += 0.1
    stage.engine.answer(Reply(error=WITHDRAWN, error_detail="the word was stale"))
    stage.step()
    assert list(stage.courier.questions) == [probe]

    stage.hold_many(2)
    assert len(stage.engine.calls) == 1


def test_a_success_lets_the_rest_through_gradually(stage: Capped) -> None:
    stage.go_down()
    stage.hold_many(2)
    assert len(stage.given_back()) == 2
    stage.step(1.0)
    stage.hold_many(1)
    stage.flow.fetcher.summons.clear()
    stage.courier.fetched(Summons(stage.place(), 1, 1), 1)
    with structlog.testing.capture_logs() as logs:
        stage.answer_all(OK)
    assert [each["event"] for each in logs] == ["destination.up"]

    stage.step(0.05)
    assert [each.number for each in stage.flow.fetcher.summons] == [2]
    stage.flow.fetcher.summons.clear()
    stage.courier.fetched(Summons(stage.place(), 1, 1), 0)
    stage.step()
    stage.hold_many(4)
    assert len(stage.engine.calls) == 2
    for _ in range(3):
        stage.engine.answer(OK)
        stage.step()
    assert len(stage.engine.calls) == 1
    stage.hold_many(9)
    assert len(stage.engine.calls) == 4


def test_who_asks_for_time_gets_it_and_what_waited_is_given_back(stage: Capped) -> None:
    stage.hold_many(6)
    stage.step(0.1)
    stage.engine.answer(Reply(status=503, headers=(("Retry-After", "30"),)))
    stage.step()

    assert not stage.courier.questions
    released = stage.given_back()
    assert len(released) == 2
    assert causes(released) == {Cause.ASKED}
    assert all(each.leave > 29.9 for each in released)
    assert "receiver.test asked to wait until 2026-01-01T00:00:31Z" in released[0].reason
    stage.answer_all(OK)
    stage.hold_many(1)
    assert stage.engine.calls == []
    stage.hold_many(1, OTHER)
    assert stage.urls() == [OTHER]
    stage.step(30.0)
    assert [each.number for each in stage.flow.fetcher.summons] == [1]


def test_after_an_hour_a_run_gets_its_attempt_all_the_same(stage: Capped) -> None:
    stage.go_down()
    patient = hold(taken(0.0), (SECRET,), asked=0.0, answered=0.0)

    stage.come_back(patient, late=3598.5)
    assert stage.engine.calls == []
    (release,) = stage.given_back()
    assert release.leave <= 2.0

    for _ in range(6):
        stage.come_back(patient, late=3601)
    assert len(stage.engine.calls) == 4, "the cap holds for them as well"


def test_a_worker_that_stops_gives_back_what_waits(stage: Capped) -> None:
    stage.hold_many(6)

    stage.flow.stop()
    assert len(stage.given_back()) == 2
    stage.hold_many(1)
    assert len(stage.given_back()) == 1
    stage.answer_all(OK)
    stage.step(0.2)
    assert not stage.flow.fetcher.summons


def test_idle_destinations_are_forgotten_and_those_that_are_down_remembered(
    stage: Capped,
) -> None:
    stage.hold_many(1, OTHER)
    for n in range(50):
        stage.hold_many(1, f"http://host{n}.test/")
    stage.answer_all(OK)
    stage.go_down()
    for _ in range(7):
        stage.hold_many(1)
        stage.answer_all(REFUSED)
        stage.step(11.0)

    assert {each.host for each in stage.flow._known.values()} == {"receiver.test"}


def test_however_many_destinations_there_are_few_are_remembered(
    stage: Capped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destinations, "_KNOWN_MOST", 20)
    stage.hold_many(1)
    for n in range(100):
        stage.hold_many(1, f"http://host{n}.test/")
        _, done, _ = stage.engine.calls.pop()
        done(REFUSED)
        stage.step(0.2)

    assert len(stage.flow._known) <= 26  # those of a second more
    assert stage.place().in_flight == 1


def test_a_run_whose_url_leads_nowhere_is_none_of_our_business(stage: Capped) -> None:
    stage.hold_many(9, "nonsense")
    assert len(stage.engine.calls) == 9
    stage.answer_all(Reply(error="invalid-request", error_detail="no URL"))

    assert stage.flow._known == {}
