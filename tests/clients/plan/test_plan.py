"""Plan and apply against the real application."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.cli.conftest import Account
from tests.clients.cli.invocation import Commands
from tests.clients.plan.conftest import HEAD, Write
from wakecall.cli.failures import Exit

A = '[jobs.a]\nurl = "https://example.com/a"\ncron = "15 10 * * 1-5"\ntimezone = "Europe/Berlin"\n'
B = '[jobs.b]\nurl = "https://example.com/b"\ncron = "0 0 9 * * ?"\n'
SECRET = 'headers = { Authorization = { env = "TOKEN" } }\n'


def applied(real: Commands, *options: str) -> str:
    done = real.run("apply", *options)
    assert done.code == 0, done.err
    return done.out


def names(real: Commands) -> list[str]:
    return sorted(each["name"] for each in real.run("job", "list", "--json", "--all").json())


def job(real: Commands, name: str) -> dict[str, Any]:
    found: dict[str, Any] = real.run("job", "get", f"name:{name}", "--json").json()
    return found


def test_a_plan_shows_what_apply_then_does(real: Commands, write: Write, account: Account) -> None:
    write(A + B)
    done = real.run("plan")
    assert done.code == 0, done.err
    head, first, second, total = done.out.splitlines()
    assert head == f"Account {account.name} at https://wakecall.test, set billing"
    assert first.startswith("+ a  at 10:15 from Monday to Friday, Europe/Berlin; next ")
    assert second.startswith("+ b  every day at 09:00, UTC; next ")
    assert total == "  0 unchanged. 2 to create, 0 to replace, 0 to delete."
    assert names(real) == []

    assert applied(real).splitlines()[-2:] == ["Created a", "Created b"]
    assert names(real) == ["a", "b"]
    assert job(real, "a")["tags"] == ["managed:billing"]
    again = applied(real)
    assert again.splitlines()[1:] == ["  2 unchanged. 0 to create, 0 to replace, 0 to delete."]


def test_what_changes_is_named(real: Commands, write: Write) -> None:
    write(A + B)
    applied(real)
    before = job(real, "b")
    write(A + B.replace("0 0 9 * * ?", "0 0 8 * * ?") + "timeout = 5\n")
    done = real.run("plan", "--detect")
    assert done.code == 9  # Exit.CHANGES, as docs/cli.md has it
    line = done.out.splitlines()[1]
    assert line.startswith('~ b  cron "0 0 9 * * ?" -> "0 0 8 * * ?"; timeout (absent) -> 5; next ')
    assert job(real, "b") == before
    assert applied(real).splitlines()[-1] == "Replaced b"
    assert job(real, "b")["cron"] == "0 0 8 * * ?"
    assert real.run("plan", "--detect").code == 0


def test_secrets_are_not_shown(real: Commands, write: Write) -> None:
    write(B + SECRET)
    real.environ["TOKEN"] = "Bearer first"
    assert "first" not in applied(real)
    assert job(real, "b")["headers"] == {"Authorization": "Bearer first"}
    real.environ["TOKEN"] = "Bearer second"
    write(B + SECRET + 'data = "payload"\n')
    for options in ((), ("--json",)):
        done = real.run("plan", *options)
        assert done.code == 0
        for hidden in ("first", "second", "payload"):
            assert hidden not in done.out + done.err
    shown = real.run("plan").out
    assert "headers.Authorization (sensitive) -> (sensitive)" in shown
    assert "data (absent) -> (sensitive)" in shown
    write(B)
    assert "headers.Authorization (sensitive) -> (absent)" in real.run("plan").out


def test_only_the_set_is_pruned_and_after_a_question(real: Commands, write: Write) -> None:
    write(A + B)
    applied(real)
    booked = ("https://example.com/", "--cron", "@daily")
    assert real.run("book", *booked, "--name", "mine").code == 0
    assert real.run("book", *booked, "--name", "theirs", "--tag", "managed:other").code == 0
    write(A)
    assert real.run("plan").out.splitlines()[1] == "- b  (with --prune)"
    assert "1 to delete." in real.run("plan", "--prune").out
    applied(real)
    assert names(real) == ["a", "b", "mine", "theirs"]

    unasked = real.run("apply", "--prune")
    assert (unasked.code, "Add --yes" in unasked.err) == (Exit.USAGE, True)
    refused = real.person("apply", "--prune", given="no\n")
    assert refused.code == Exit.REFUSED
    assert "1 job of the set billing will be deleted." in refused.err
    assert names(real) == ["a", "b", "mine", "theirs"]
    done = real.person("apply", "--prune", given="1\n")
    assert (done.code, done.out.splitlines()[-1]) == (0, "Deleted b")
    assert names(real) == ["a", "mine", "theirs"]
    write("")
    assert applied(real, "--prune", "--yes").splitlines()[-1] == "Deleted a"


def test_a_refused_job_stops_everything_unless_it_goes_on(real: Commands, write: Write) -> None:
    wrong = B.replace("0 0 9 * * ?", "*/5 * * * *")
    write(A + wrong)
    for command in (("plan",), ("apply",)):
        done = real.run(*command)
        assert done.code == Exit.REFUSED
        assert "b is refused:" in done.err
        assert "fires again after 300 seconds" in done.err
        total = "  0 unchanged. 1 to create, 0 to replace, 0 to delete, 1 refused."
        assert done.out.splitlines()[-1] == total
    assert names(real) == []
    done = real.run("apply", "--keep-going")
    assert (done.code, done.out.splitlines()[-1]) == (Exit.REFUSED, "Created a")
    assert names(real) == ["a"]


def test_a_job_of_another_set_is_not_touched(real: Commands, write: Write) -> None:
    write(A)
    applied(real)
    write(A, head=HEAD.replace("billing", "other"))
    for command in ("plan", "apply"):
        done = real.run(command)
        assert done.code == Exit.REFUSED
        assert "a belongs to the set billing" in done.err
    assert job(real, "a")["tags"] == ["managed:billing"]


def test_a_job_without_a_set_becomes_part_of_it(real: Commands, write: Write) -> None:
    booked = ("https://example.com/a", "--cron", "15 10 * * 1-5", "--tz", "Europe/Berlin")
    assert real.run("book", *booked, "--name", "a").code == 0
    write(A)
    line = real.run("plan").out.splitlines()[1]
    assert line == '~ a  tags (absent) -> ["managed:billing"]'
    assert applied(real).splitlines()[-1] == "Replaced a"


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ('account = "nobody"\n', "is for the account nobody, but the key is of account-"),
        ('url = "https://other.example"\n', "is for https://other.example, but the service is"),
    ],
)
def test_a_file_of_another_account_or_service_is_refused(
    real: Commands, write: Write, head: str, reason: str
) -> None:
    write(A, head=head + HEAD)
    for command in ("plan", "apply"):
        done = real.run(command)
        assert (done.code, done.out) == (Exit.USAGE, "")
        assert reason in done.err
    assert names(real) == []


def test_programs_read_json(real: Commands, write: Write, account: Account) -> None:
    write(A)
    plan = real.run("plan", "--json").json()
    assert plan["account"] == account.name
    assert plan["jobs"][0]["outcome"] == "created"
    assert plan["leftOver"] == []
    done = real.run("apply", "--json").json()
    assert done["applied"] == [{"name": "a", "outcome": "created"}]
    assert real.run("plan", "--json").json()["jobs"][0]["outcome"] == "unchanged"
