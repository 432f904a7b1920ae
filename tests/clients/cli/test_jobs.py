"""Commands about jobs, against the real application."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from tests.clients.cli.conftest import Account
from tests.clients.cli.invocation import Commands
from wakecall.cli.failures import Exit

TARGET = "https://example.com/wake"
ABSENT = "03ba07bc-0c8b-4a82-9a47-c65e7a8d24af"


def booked(wakecall: Commands, *options: str) -> str:
    """The id of a new job, as a program reads it."""
    done = wakecall.run("book", TARGET, *(options or ("--in", "1h")))
    assert done.code == 0, done.err
    return str(UUID(done.out.strip()))


def test_a_booking_has_the_members_that_its_options_name(real: Commands, home: Path) -> None:
    (home / "retry.json").write_text('{"maxAttempts": 3, "schedule": [2]}')
    options = [
        *("--cron", "0 15 10 ? * *", "--tz", "Europe/Berlin", "--on-gap", "next"),
        *("--name", "invoices", "--tag", "billing", "--tag", "nightly", "--method", "put"),
        *("--header", "X-Shop: 7", "--json-data", '{"a": 1}', "--call-timeout", "2.5"),
        *("--retry", str(home / "retry.json"), "--misfire", "all", "--paused"),
    ]

    done = real.run("book", TARGET, *options, "--json")

    assert (done.code, done.err) == (0, "")
    job = done.json()
    assert {name: job[name] for name in job if name not in ("id", "account", "next")} == {
        "url": TARGET,
        "cron": "0 15 10 ? * *",
        "timezone": "Europe/Berlin",
        "onGap": "next",
        "name": "invoices",
        "tags": ["billing", "nightly"],
        "method": "PUT",
        "headers": {"X-Shop": "7"},
        "contentType": "application/json",
        "data": '{"a": 1}',
        "timeout": 2.5,
        "retry": {"maxAttempts": 3, "schedule": [2]},
        "misfire": "all",
        "enabled": False,
    }


def test_a_person_reads_when_the_call_comes(real: Commands) -> None:
    done = real.person("book", TARGET, "--in", "90m")

    assert done.out.startswith("Booked ")
    assert done.out.endswith("(in 90 min)\n")


@pytest.mark.parametrize("policy", ["none", "fast", "standard", "patient"])
def test_the_policies_of_the_console_are_accepted(real: Commands, policy: str) -> None:
    done = real.run("book", TARGET, "--in", "1h", "--retry", policy, "--check", "--json")

    assert done.code == 0, done.err
    assert ("retry" in done.json()) == (policy != "standard")


def test_a_payload_of_any_bytes_is_sent_as_it_is(real: Commands, home: Path) -> None:
    (home / "payload").write_bytes(b"\xff\x00")

    done = real.run("book", TARGET, "--in", "1h", "--data-file", str(home / "payload"), "--json")
    read = real.run("book", TARGET, "--in", "1h", "--data-file", "-", "--json", given="täglich\n")

    assert (done.json()["data"], done.json()["dataEncoding"]) == ("/wA=", "base64")
    assert read.json()["data"] == "täglich\n"


def test_a_check_books_nothing(real: Commands) -> None:
    done = real.person("book", TARGET, "--in", "1h", "--check")

    assert done.out.startswith("It would be booked for ")
    assert real.run("job", "list", "-o", "id").out == ""


def test_a_program_gets_the_instant_of_what_was_checked(real: Commands) -> None:
    once = real.run("book", TARGET, "--at", "2099-07-01T10:00Z", "--check")
    again = real.run("book", TARGET, "--cron", "0 0 12 1 1 ? 2099", "--check", "--tz", "UTC")
    paused = real.run("book", TARGET, "--cron", "@daily", "--paused", "--check", "-o", "id")

    assert once.out == "2099-07-01T10:00:00+00:00\n"
    assert again.out == "2099-01-01T12:00:00+00:00\n"
    assert paused.out == "It would be booked, paused.\n"


def test_a_local_time_is_sent_as_an_instant(real: Commands) -> None:
    in_berlin = real.run(
        "book", TARGET, "--at", "2099-07-01T10:00", "--tz", "Europe/Berlin", "--json"
    )

    assert in_berlin.json()["when"] == "2099-07-01T08:00:00Z"


@pytest.mark.parametrize(
    ("local", "rules", "members"),
    [
        ("2099-10-25T02:30:00", (), {}),
        ("2099-10-25T02:30:00", ("--on-overlap", "second"), {"onOverlap": "second"}),
        ("2099-10-25T02:30:00", ("--on-overlap", "first"), {"onOverlap": "first"}),
        ("2099-03-29T02:30:00", ("--on-gap", "next"), {"onGap": "next"}),
    ],
)
def test_a_local_time_is_the_instant_that_the_service_reads(
    real: Commands, local: str, rules: tuple[str, ...], members: dict[str, str]
) -> None:
    """The console shows such a command beside such a document."""
    schedule = {"when": local, "timezone": "Europe/Berlin", **members}
    expected = real.run(
        *("api", "POST", "/1/jobs?dryRun=true", "-d", json.dumps({"url": TARGET, **schedule}))
    ).json()["when"]
    options = ("--at", local, "--tz", "Europe/Berlin", *rules, "--json")

    booked = real.run("book", TARGET, *options)
    previewed = real.run("preview", *options)

    assert (booked.code, previewed.code) == (0, 0), booked.err + previewed.err
    assert booked.json()["when"] == expected
    assert [each["utc"] for each in previewed.json()["next"]] == [expected]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "--at, --in and --cron"),
        (("--in", "1h", "--at", "2099-01-01"), "Give one of --at and --in"),
        (("--in", "soon"), "not a span"),
        (("--at", "tomorrow"), "not an instant"),
        (("--in", "1h", "--json-data", "{"), "not JSON"),
        (("--in", "1h", "--header", "X-Shop"), "NAME:VALUE"),
        (("--in", "1h", "--data", "a", "--json-data", "1"), "--data and --json-data"),
        (("--in", "1h", "--retry", "/nowhere"), "cannot be read"),
        (("--in", "1h", "--retry", "sometimes"), "none, fast, standard, patient"),
        (("--in", "1h", "--check", "--wait"), "nothing to wait for"),
        (("--at", "2099-03-29T02:30", "--tz", "Europe/Berlin"), "does not exist"),
        (("--at", "2099-03-29", "--on-overlap", "both"), "first or second"),
        (("--at", "9999-12-31T23:59:59-12:00"), "out of range"),
        (("--in", "1h", "--tz", "Europe/Nowhere"), "no time zone"),
    ],
)
def test_wrong_usage_sends_nothing(real: Commands, options: tuple[str, ...], reason: str) -> None:
    done = real.run("book", TARGET, *options, "--json")

    assert done.code == Exit.USAGE
    assert reason in done.problem["detail"]
    assert real.run("job", "list", "-o", "id").out == ""


def test_a_refusal_is_the_problem_of_the_api(real: Commands) -> None:
    done = real.run("book", "ftp://example.com", "--in", "1h", "--json")
    for_people = real.person("book", "ftp://example.com", "--in", "1h")

    assert done.code == Exit.REFUSED
    assert done.problem["member"] == "url"
    assert done.problem["type"] == "/problems/invalid-member"
    assert for_people.out == ""
    assert for_people.err.startswith("wakecall: The URL has the scheme ftp. Use http or https.\n")


def test_jobs_are_found_by_id_and_by_name(real: Commands) -> None:
    by_id = booked(real, "--in", "1h", "--name", "in/voices?")
    # A name that looks like an id.
    named = booked(real, "--in", "2h", "--name", ABSENT)

    for reference, job in ((by_id, by_id), ("in/voices?", by_id), (f"name:{ABSENT}", named)):
        assert real.run("job", "get", reference, "--json").json()["id"] == job
    assert real.run("job", "get", ABSENT).code == Exit.NOT_FOUND


def test_lists_are_filtered_and_limited(real: Commands) -> None:
    for index in range(3):
        booked(real, "--in", f"{index + 1}h", "--name", f"job-{index}", "--tag", f"t{index}")
    booked(real, "--cron", "0 0 9 * * ?", "--paused")

    def listed(*options: str) -> list[str]:
        done = real.run("job", "list", *options, "--columns", "name", "--no-header")
        assert done.code == 0, done.err
        return done.out.splitlines()

    assert listed("--tag", "t1") == ["job-1"]
    assert listed("--name", "job", "--sort", "name") == ["job-0", "job-1", "job-2"]
    assert listed("--due-before", "150m") == ["job-0", "job-1"]
    assert listed("--sort", "next", "--limit", "1") == ["job-0"]
    assert len(listed("--paused")) == 1
    assert len(listed("--all")) == 4
    assert "4 jobs." in real.person("job", "list").err
    assert "2 jobs, and more: --all." in real.person("job", "list", "--limit", "2").err


def test_all_pages_are_one_array_and_lines_as_they_come(real: Commands) -> None:
    for _ in range(3):
        booked(real)

    array = real.run("job", "list", "--limit", "2", "--json")
    lines = real.run("job", "list", "--all", "-o", "jsonl")

    assert len(array.json()) == 2
    assert [json.loads(each)["url"] for each in lines.out.splitlines()] == [TARGET] * 3
    assert real.run("job", "list", "--tag", "absent", "--json").json() == []


def test_members_of_a_job_are_changed_and_the_others_stay(real: Commands) -> None:
    job = booked(real, "--cron", "0 0 9 * * ?", "--name", "report", "--data", "x", "--tag", "a")

    done = real.person(
        "job", "set", "report", "--cron", "0 0 8 * * ?", "--tz", "Europe/Berlin", "--unset", "tags"
    )

    assert done.code == 0, done.err
    assert real.run("job", "set", "report", "--unset", "tags").code == Exit.USAGE
    assert done.out.startswith("Changed report; next ")
    changed = real.run("job", "get", job, "--json").json()
    assert (changed["cron"], changed["timezone"]) == ("0 0 8 * * ?", "Europe/Berlin")
    assert (changed["data"], changed.get("tags")) == ("x", None)


def test_another_expression_keeps_the_zone_of_the_job_and_its_rules(real: Commands) -> None:
    job = booked(
        *(real, "--cron", "0 0 9 * * ?", "--tz", "Europe/Berlin"),
        *("--on-gap", "next", "--on-overlap", "both"),
    )

    def changed(*options: str) -> tuple[str | None, ...]:
        done = real.run("job", "set", job, *options, "--json")
        assert done.code == 0, done.err
        found = done.json()
        return tuple(found.get(each) for each in ("cron", "timezone", "onGap", "onOverlap"))

    six = "0 0 6 * * ?"
    assert changed("--cron", six) == (six, "Europe/Berlin", "next", "both")
    assert changed("--cron", six, "--on-gap", "skip") == (six, "Europe/Berlin", "skip", "both")
    assert changed("--cron", six, "--tz", "Asia/Tokyo") == (six, "Asia/Tokyo", "skip", "both")
    assert changed("--cron", six, "--unset", "onOverlap") == (six, "Asia/Tokyo", "skip", None)
    assert changed("--cron", six, "--utc") == (six, None, None, None)
    assert changed("--cron", six, "--tz", "Europe/Berlin")[1] == "Europe/Berlin"
    assert changed("--cron", six, "--tz", "UTC") == (six, None, None, None)


def test_a_job_that_is_called_once_is_called_again_and_again(real: Commands) -> None:
    job = booked(real, "--in", "1h")

    often = real.run("job", "set", job, "--cron", "0 0 6 * * ?", "--tz", "Asia/Tokyo", "--json")
    once = real.run("job", "set", job, "--in", "1h", "--json")

    assert (often.code, once.code) == (0, 0), often.err + once.err
    assert (often.json()["timezone"], "when" in often.json()) == ("Asia/Tokyo", False)
    assert ("cron" in once.json(), "timezone" in once.json()) == (False, False)


def test_a_job_that_is_named_gets_another_name(real: Commands) -> None:
    job = booked(real, "--cron", "0 0 9 * * ?", "--name", "report")

    done = real.person("job", "set", "report", "--name", "daily/report")

    assert done.code == 0, done.err
    assert done.out.startswith("Changed daily/report; next ")
    assert real.run("job", "get", "daily/report", "--json").json()["id"] == job


def test_another_payload_keeps_its_media_type_unless_another_is_given(real: Commands) -> None:
    job = booked(real, "--in", "1h", "--json-data", "1")

    def changed(*options: str) -> tuple[str, str]:
        found = real.run("job", "set", job, *options, "--json").json()
        return found["data"], found["contentType"]

    assert changed("--data", "2") == ("2", "application/json")
    assert changed("--data", "3", "--content-type", "text/plain") == ("3", "text/plain")
    assert changed("--json-data", "4") == ("4", "application/json")


def test_a_job_of_a_new_name_is_booked_if_it_has_a_target(real: Commands) -> None:
    refused = real.run("job", "set", "report", "--cron", "0 0 8 * * ?")
    made = real.person("job", "set", "report", "--to", TARGET, "--cron", "0 0 8 * * ?")

    assert refused.code == Exit.NOT_FOUND
    assert made.out.startswith("Booked report; next ")


def test_several_jobs_are_deleted_and_those_that_are_not_are_named(real: Commands) -> None:
    first, second = booked(real), booked(real)

    done = real.person("job", "rm", first, "absent", second, given="2\n")

    assert done.code == Exit.REFUSED
    assert f"2 jobs will be deleted: {first}, {second}.\nType 2 to go on: " in done.err
    assert done.out == f"Deleted {first}.\nDeleted {second}.\n"
    assert "absent" in done.err
    assert "1 of 3 failed." in done.err
    assert real.run("job", "list", "-o", "id").out == ""
    assert real.run("job", "rm", first).code == Exit.NOT_FOUND


def test_nothing_is_deleted_without_a_yes(real: Commands) -> None:
    first = booked(real, "--in", "1h", "--name", "first")
    others = [booked(real) for _ in range(6)]

    refused = real.person("job", "rm", "first", *others, given="\n")
    unasked = real.run("job", "rm", "first")

    assert (refused.code, refused.out) == (Exit.REFUSED, "")
    assert "7 jobs will be deleted: first, " in refused.err
    assert " and 2 more.\nType 7 to go on: " in refused.err
    assert unasked.code == Exit.USAGE
    assert "1 job will be deleted: first. Nothing was done" in unasked.err
    assert "Add --yes to go on." in unasked.err
    assert len(real.run("job", "list", "-o", "id").out.splitlines()) == 7
    assert real.run("job", "rm", "first", "-y").code == 0
    assert real.run("job", "get", first).code == Exit.NOT_FOUND


def test_jobs_are_paused_resumed_and_fired(real: Commands) -> None:
    booked(real, "--cron", "0 0 9 * * ?", "--name", "report")

    assert real.person("job", "pause", "report").out == "Paused report.\n"
    assert "paused" in real.person("job", "list").out
    assert real.person("job", "resume", "report").out.startswith("Resumed report; next ")
    fired = real.run("job", "fire", "report")
    assert real.run("job", "runs", "report", "-o", "id").out == fired.out


def test_a_repeated_fire_with_one_key_is_one_run(real: Commands) -> None:
    booked(real, "--cron", "0 0 9 * * ?", "--name", "report")

    first = real.run("job", "fire", "report", "--idempotency-key", "k1")
    second = real.run("job", "fire", "report", "--idempotency-key", "k1")

    assert first.out == second.out != ""


def test_next_firings_are_those_of_the_preview(real: Commands) -> None:
    booked(real, "--cron", "0 0 9 * * ?", "--name", "report")

    firings = real.run("job", "next", "report", "-n", "3", "--columns", "utc", "--no-header")

    assert len(firings.out.splitlines()) == 3
    assert real.run("job", "next", "report", "--json").json()["bookable"] is True


def test_jobs_that_fail_are_counted_for_people(real: Commands, account: Account) -> None:
    job = booked(real, "--cron", "0 0 9 * * ?", "--name", "report")
    account.add_run(job=job, due_at=datetime.now(UTC).isoformat())

    done = real.person("job", "list", columns=160)

    assert "✕ 500, " in done.out
    assert "1 is failing: wakecall job list --failing" in done.err
    assert real.run("job", "list", "--failing", "-o", "id").out == f"{job}\n"


def test_colours_are_for_terminals_that_want_them(real: Commands, account: Account) -> None:
    account.add_run()
    del real.environ["NO_COLOR"]

    assert "\x1b[31m✕\x1b[0m 500" in real.person("run", "list").out
    assert "\x1b" not in real.person("run", "list", "--no-color").out
    assert "\x1b" not in real.run("run", "list").out
    real.environ["NO_COLOR"] = "1"
    assert "\x1b" not in real.person("run", "list").out
