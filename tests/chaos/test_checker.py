"""The checker finds what the history and the calls do not have in common, and excuses little."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from uuid import uuid4

import psycopg
import pytest

from tests.chaos import checker
from tests.chaos.fault import Fault
from tests.chaos.names import abort_of, key_of
from tests.chaos.play import turns
from tests.factories import add_account, connect
from tests.soak.records import Asked, Call, Fate, Span

AWAY = Span(name="away", about="", may_repeat=True, began=90.0, mended=95.0, ended=104.0)
CALM = Span(name="calm", about="", may_repeat=False, began=104.0, mended=105.0, ended=120.0)
JOB, RUN = f"{uuid4()}", f"{uuid4()}"
BOOKED = Asked(key="a/once/1", due=89.0, fate=Fate.BOOKED, job=JOB)
ADD_RUN = """
INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, attempts,
                 settled_at)
VALUES (%s, %s, %s, 1, 'scheduled', now(), 0, %s, 1, now())
"""


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def call(at: float, *, run: str = RUN, answered: int = 204) -> Call:
    return Call(BOOKED.key, at, JOB, run, 1, answered)


@pytest.mark.parametrize(
    ("first", "again", "kinds"),
    [
        (89.0, 91.0, []),
        (94.0, 99.0, []),
        (97.0, 106.0, []),
        (89.0 - checker.UNSETTLED_S, 91.0, ["doubled"]),
        (95.1 + checker.BACK_S, 108.0, ["doubled"]),
        (98.1, 106.0, ["doubled"]),
    ],
)
def test_a_repeat_is_excused_if_a_fault_began_before_the_first_call_was_settled(
    first: float, again: float, kinds: list[str]
) -> None:
    asked = Asked(key=BOOKED.key, due=first, fate=Fate.BOOKED, job=JOB)
    found, repeated = checker.check([asked], [call(first), call(again)], [AWAY, CALM], [])
    assert [each.kind for each in found] == kinds
    assert len(repeated) == 1 - len(kinds)


@pytest.mark.parametrize(
    ("first", "kinds"),
    [
        (110.0 - checker.UNSETTLED_S, []),
        (110.0 + checker.ON_THE_WAY_S, []),
        (109.9 - checker.UNSETTLED_S, ["doubled"]),
        (110.1 + checker.ON_THE_WAY_S, ["doubled"]),
    ],
)
def test_a_repeat_is_excused_if_the_worker_was_killed_or_stopped_during_the_first_call(
    first: float, kinds: list[str]
) -> None:
    asked = Asked(key=BOOKED.key, due=first, fate=Fate.BOOKED, job=JOB)
    found, _ = checker.check([asked], [call(first), call(116.0)], [CALM], [104.5, 110.0, 119.0])
    assert [each.kind for each in found] == kinds


def test_a_repeat_under_another_id_is_never_excused() -> None:
    found, _ = checker.check([BOOKED], [call(91.0), call(92.0, run="another")], [AWAY], [])
    assert sorted(each.kind for each in found) == ["doubled", "foreign"]


@pytest.mark.parametrize(
    ("state", "calls", "kinds"),
    [
        ("succeeded", [call(91.0)], []),
        ("succeeded", [call(91.0, answered=500)], ["phantom"]),
        ("succeeded", [], ["phantom"]),
        ("failed", [call(91.0)], ["failed"]),
        ("dead", [], ["failed"]),
        ("cancelled", [call(91.0)], ["cancelled"]),
        ("succeeded", [call(91.0), call(91.1, run="another")], ["vanished"]),
    ],
)
def test_what_history_and_receiver_do_not_have_in_common_is_found(
    connection: psycopg.Connection, state: str, calls: list[Call], kinds: list[str]
) -> None:
    account = add_account(connection)
    connection.execute(ADD_RUN, (RUN, JOB, account, state))
    found = checker.find_in_history(connection, [BOOKED], calls, "end")
    assert [each.kind for each in found] == kinds


@pytest.mark.parametrize(
    ("called", "state", "reason", "fates"),
    [
        ([89.0], "cancelled", "the job was deleted", [Fate.BOOKED]),
        ([92.0], "cancelled", "the job was deleted", [Fate.UNKNOWN]),
        ([89.0], "cancelled", "aborted by key 1", []),
        ([89.0], "succeeded", None, []),
    ],
)
def test_a_runner_is_told_of_the_run_that_the_deletion_of_its_job_ended(
    connection: psycopg.Connection,
    called: list[float],
    state: str,
    reason: str | None,
    fates: list[Fate],
) -> None:
    account = add_account(connection)
    connection.execute(ADD_RUN, (RUN, JOB, account, state))
    connection.execute("UPDATE run SET reason = %s", (reason,))
    path = "north/fusion/spark"
    calls = [Call(key_of(path, 85.0), at, JOB, RUN, 1, 204) for at in called]
    found = list(checker.aborts(connection, calls, {path: 90.0}))
    assert [each.fate for each in found] == fates
    assert {(each.key, each.due) for each in found} <= {(abort_of(path, RUN), 90.0)}


def test_an_abort_that_nobody_caused_one_too_early_and_one_that_is_missing_are_found() -> None:
    key = abort_of("north/fusion/spark", RUN)
    owed = Asked(key=key, due=90.0, fate=Fate.BOOKED)
    told = Call(key, 90.2, "", "abort", 1, 204)

    def kinds(asked: list[Asked], calls: list[Call]) -> list[str]:
        return [each.kind for each in checker.check(asked, calls, [CALM], [])[0]]

    assert kinds([owed], [told]) == []
    assert kinds([], [told]) == ["foreign"]
    assert kinds([owed], [told._replace(at=89.9)]) == ["early"]
    assert kinds([owed], []) == ["lost"]
    assert kinds([owed], [told, told._replace(at=91.0, run="other")]) == ["foreign", "doubled"]


def test_every_fault_is_injected_alone_and_then_with_another_that_touches_something_else() -> None:
    def nothing(*_arguments: object) -> None:
        return

    faults = [
        Fault(f"{number}", "", nothing, frozenset({kind}))
        for number, kind in enumerate(("worker", "worker", "web", "postgres"))
    ]
    drawn = turns(faults, Random(1))
    first = [next(drawn) for _ in faults]
    second = [next(drawn) for _ in faults]

    assert sorted(first) == [(each,) for each in faults]
    assert sorted(each[0] for each in second) == faults
    assert all(len(each) == 2 and not each[0].touches & each[1].touches for each in second)
