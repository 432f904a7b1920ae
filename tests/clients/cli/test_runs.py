"""Commands about runs, against the real application."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.clients.cli.conftest import Account
from tests.clients.cli.invocation import Canned, Commands
from tests.factories import connect
from wakecall.cli.failures import Exit

ABSENT = "03ba07bc-0c8b-4a82-9a47-c65e7a8d24af"


def test_runs_are_filtered(real: Commands, account: Account) -> None:
    job = str(uuid4())
    failed = account.add_run(job=job)
    dead = account.add_run("dead", due_at="2026-11-20T09:30:00Z")

    def listed(*options: str) -> list[str]:
        done = real.run("run", "list", *options, "-o", "id")
        assert done.code == 0, done.err
        return done.out.splitlines()

    assert listed() == [failed, dead]
    assert listed("--state", "dead,cancelled") == [dead]
    assert listed("--job", job) == [failed]
    assert listed("--after", "2026-11-21") == [failed]
    assert listed("--before", "2026-11-21T00:00+01:00") == [dead]
    assert listed("--last-status", "5xx", "--late", "1.5") == [failed, dead]
    assert listed("--late", "2") == []
    assert listed("--limit", "1") == [failed]
    assert "1 run, and more: --all." in real.person("run", "list", "--limit", "1").err


def test_a_state_that_does_not_exist_is_the_service_s_to_refuse(real: Commands) -> None:
    done = real.run("run", "list", "--state", "odd", "--json")

    assert (done.code, done.problem["member"]) == (Exit.REFUSED, "state")


def test_a_run_is_shown_with_its_attempts(real: Commands, account: Account) -> None:
    run = account.add_run()

    shown = real.person("run", "get", run)

    assert "state    failed\n" in shown.out
    assert "✕ 500   1.5 ms  5.0 ms  oh" in shown.out
    assert real.run("run", "get", run, "--body").out == "oh"
    assert real.run("run", "get", run, "--json").json()["attempts"][0]["status"] == 500


@pytest.mark.parametrize("odd", ["../jobs", "x", ""])
def test_what_is_not_an_id_is_not_sent(real: Commands, odd: str) -> None:
    assert real.run("run", "get", odd).code == Exit.USAGE


def test_runs_are_redelivered_one_by_one(real: Commands, account: Account) -> None:
    first, second = account.add_run(), account.add_run()

    done = real.person("run", "redeliver", first, ABSENT, second)

    assert done.code == Exit.REFUSED
    assert done.out.count(" is sent again: wakecall run watch ") == 2
    again = real.run("run", "redeliver", first)
    assert again.code == Exit.CONFLICT


def test_many_runs_are_counted_and_sent_when_the_number_is_typed(
    real: Commands, account: Account
) -> None:
    for _ in range(2):
        account.add_run()

    wrong = real.person("redeliver", "--state", "failed", given="yes\n")
    done = real.person("redeliver", "--state", "failed", given="2\n")

    assert (wrong.code, wrong.out) == (Exit.REFUSED, "")
    assert "2 runs would be sent again.\nType 2 to go on: " in wrong.err
    assert (done.code, done.out) == (0, "2 runs are sent again.\n")
    assert real.run("run", "list", "--state", "claimed", "-o", "id").out.count("\n") == 2


def test_without_a_terminal_a_redelivery_fails_and_names_the_way(
    real: Commands, account: Account
) -> None:
    account.add_run()

    asked = real.run("redeliver", "--state", "failed", "--json")
    forbidden = real.person("redeliver", "--state", "failed", "--no-input", given="1\n")
    counted = real.run("redeliver", "--check", "--json")
    done = real.run("redeliver", "--yes", "--json")

    assert (asked.code, asked.problem["remedy"]) == (Exit.USAGE, "Add --yes to go on.")
    assert forbidden.code == Exit.USAGE
    assert counted.json() == {"count": 1, "lost": 0, "more": False}
    assert done.json()["count"] == 1


def test_a_run_that_was_attempted_too_often_is_named_among_those_that_cannot_be_sent(
    real: Commands, account: Account
) -> None:
    run_id = account.add_run()
    with connect(account.service.database) as connection:
        connection.execute("UPDATE run SET attempts = 1000 WHERE id = %s", (run_id,))

    done = real.person("redeliver", "--check")

    assert "0 runs would be sent again, 1 cannot" in done.out
    assert "attempted 1,000 times" in done.out


def test_what_was_sent_before_a_refusal_is_told(wakecall: Commands, canned: Canned) -> None:
    full = {"type": "/problems/limit-reached", "title": "Full", "detail": "It may have 1 run."}
    answers = iter(
        [
            (200, {"count": 2, "lost": 0, "more": False}),
            (202, {"count": 1, "lost": 0, "more": True, "cursor": "c"}),
            (403, full),
        ]
    )
    canned.answers["POST", "/1/runs/redeliver"] = lambda _request: next(answers)

    done = wakecall.run("redeliver", "--yes", "--json")

    assert done.code == Exit.REFUSED
    detail = "1 run is sent again. For the others: It may have 1 run."
    assert done.problem["detail"] == detail
    assert canned.sent() == {"cursor": "c"}


def test_nothing_to_redeliver_asks_nothing(real: Commands) -> None:
    done = real.person("redeliver", "--after", "2h")

    assert (done.code, done.out, done.err) == (0, "0 runs would be sent again.\n", "")


def test_only_runs_that_failed_are_redelivered_together(real: Commands) -> None:
    done = real.run("redeliver", "--state", "succeeded")

    assert done.code == Exit.USAGE
    assert "run redeliver RUN" in done.err


def test_a_run_that_is_over_is_watched_to_its_end(real: Commands, account: Account) -> None:
    failed = account.add_run()
    succeeded = account.add_run("succeeded")

    done = real.person("run", "watch", failed)
    programs = real.run("run", "watch", succeeded, "--json")

    assert done.code == Exit.REFUSED
    assert done.out.splitlines()[0].endswith(": 500, 1.5 ms late, 5.0 ms")
    assert "failed: The receiver answered 500." in done.out
    assert (programs.code, programs.json()["state"]) == (0, "succeeded")


def test_runs_that_end_are_printed_as_they_end(real: Commands, account: Account) -> None:
    account.add_run()
    made: list[str] = []

    def meanwhile(_seconds: float) -> None:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(account.add_run())

    done = real.run("run", "watch", "-o", "jsonl", sleep=meanwhile)

    assert done.code == Exit.INTERRUPTED
    assert [line.split('"')[3] for line in done.out.splitlines()] == made


def test_a_run_that_is_over_cannot_be_completed(real: Commands, account: Account) -> None:
    run = account.add_run()

    done = real.run("run", "complete", run, "--message", "done")

    assert done.code == Exit.CONFLICT
