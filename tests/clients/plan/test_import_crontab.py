"""Import crontab: lines that run curl or wget become jobs; each other line has its reason."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.clients.cli.invocation import Commands
from tests.clients.plan.conftest import Write
from wakecall.cli.failures import Exit

CRONTAB = """
# m h dom mon dow command
MAILTO=ops@example.com
TOKEN = "abc def"
BASE=https://api.example.com
30 4 1,15 * 5 curl -fs -H "Authorization: Bearer $TOKEN" -d 'a=$1' ${BASE}/invoices > /dev/null 2>&1
CRON_TZ=Europe/Berlin
@daily /usr/bin/wget -qO- --post-data="x=1" 'https://example.com/nightly?a=1&b=2' >> /var/log/x
@hourly\twget -q --header 'X-A: 1' https://example.com/nightly &>/dev/null
"""
JOBS: dict[str, dict[str, Any]] = {
    "invoices": {
        "url": "https://api.example.com/invoices",
        "cron": "30 4 1,15 * 5",
        "timezone": "America/New_York",
        "method": "POST",
        "headers": {"Authorization": "Bearer abc def"},
        "contentType": "application/x-www-form-urlencoded",
        "data": "a=$1",
    },
    "nightly": {
        "url": "https://example.com/nightly?a=1&b=2",
        "cron": "@daily",
        "timezone": "Europe/Berlin",
        "method": "POST",
        "contentType": "application/x-www-form-urlencoded",
        "data": "x=1",
    },
    "nightly-2": {
        "url": "https://example.com/nightly",
        "cron": "@hourly",
        "timezone": "Europe/Berlin",
        "method": "GET",
        "headers": {"X-A": "1"},
    },
}


def imported(wakecall: Commands, text: str, *options: str) -> tuple[dict[str, Any], str]:
    done = wakecall.run("import", "crontab", *options, given=text)
    assert done.code == 0, done.err
    return tomllib.loads(done.out), done.err


def test_lines_become_jobs_with_their_schedules_as_they_are(wakecall: Commands) -> None:
    found, err = imported(wakecall, CRONTAB, "--tz", "America/New_York", "--set", "night")
    assert len(err.splitlines()) == 1
    assert "may hold secrets" in err
    assert (found["version"], found["set"]) == (1, "night")
    jobs = {**JOBS, "invoices": {**JOBS["invoices"], "data": "a=$$1"}}
    assert found["jobs"] == jobs


def test_a_set_may_have_any_name(wakecall: Commands) -> None:
    assert imported(wakecall, CRONTAB, "--utc", "--set", "night 🌙\x7f")[0]["set"] == "night 🌙\x7f"


def test_a_time_limit_that_is_not_a_number_is_left_out(wakecall: Commands) -> None:
    done = wakecall.run("import", "crontab", given="0 9 * * * curl -m nan https://e.example/\n")
    assert "Line 1 is left out: --max-time nan is not a number." in done.err


def test_programs_read_json(wakecall: Commands) -> None:
    done = wakecall.run("import", "crontab", "--json", "--tz", "America/New_York", given=CRONTAB)
    assert {each.pop("name"): each for each in done.json()} == JOBS


def test_the_result_can_be_applied(real: Commands, write: Write) -> None:
    done = real.run("import", "crontab", "--tz", "America/New_York", given=CRONTAB)
    write(done.out, head="")
    assert real.run("apply").code == 0
    for name, expected in JOBS.items():
        job = real.run("job", "get", f"name:{name}", "--json").json()
        assert {each: job[each] for each in expected} == expected
        assert job["tags"] == ["managed:crontab"]


def test_a_zone_that_is_not_given_is_named(wakecall: Commands) -> None:
    line = "0 9 * * * curl https://example.com/a\n"
    found, err = imported(wakecall, line)
    assert "timezone" not in found["jobs"]["a"]
    assert "give that of the machine with --tz" in err
    assert imported(wakecall, line, "--utc")[0]["jobs"]["a"]["timezone"] == "UTC"
    again = f"CRON_TZ=Asia/Tokyo\n{line}TZ=\n{line}"
    jobs = imported(wakecall, again, "--tz", "Asia/Tokyo")[0]["jobs"]
    assert list(jobs) == ["a", "a-2"]


def test_a_user_may_follow_the_schedule(wakecall: Commands, home: Path) -> None:
    path = home / "crontab"
    path.write_text(
        "0 9 * * * root curl https://example.com/a\n@daily www wget https://e.example/b\n"
    )
    done = wakecall.run("import", "crontab", "--user-column", "--utc", str(path))
    assert sorted(tomllib.loads(done.out)["jobs"]) == ["a", "b"]
    assert wakecall.run("import", "crontab", str(path)).code == Exit.REFUSED


LEFT_OUT = (
    ("*/5 * * * * curl https://e.example/", "more often than every 10 minutes"),
    ("0,55 * * * * curl https://e.example/", "more often than every 10 minutes"),
    ("0,59 0,23 * * * curl https://e.example/", "more often than every 10 minutes"),
    ("@reboot curl https://e.example/", "@reboot has no meaning"),
    ("5/10 * * * * curl https://e.example/", "in different ways"),
    ("61 * * * * curl https://e.example/", "'61' cannot be read"),
    ("L * * * * curl https://e.example/", "'L' cannot be read"),
    ("*/00 9 * * * curl https://e.example/", "'*/00' cannot be read"),
    (f"0 9 * * * wget -{'q' * 1000} https://e.example/", "more than 1000 words"),
    ("\u0665 * * * * curl https://e.example/", "cannot be read"),
    ("0 9 * * * /usr/local/bin/backup.sh", "neither curl nor wget"),
    ("0 9 * * * curl > /dev/null https://e.example/", "needs a shell"),
    ("0 9 * * * cd /tmp && curl https://e.example/", "needs a shell"),
    ("0 9 * * * curl https://e.example/ | sh", "needs a shell"),
    ("0 9 * * * curl https://e.example/ &", "needs a shell"),
    ("0 9 * * * curl https://e.example/$(date)", "needs $( from a shell"),
    ("0 9 * * * curl https://e.example/`date`", "needs ` from a shell"),
    ("0 9 * * * curl https://e.example/$HOST", "needs $HOST from a shell"),
    ("0 9 * * * curl -d @- https://e.example/%hello", "a new line of its input"),
    ("0 9 * * * curl 'https://e.example/", "as a shell does"),
    ("0 9 * * * curl -d @- https://e.example/", "not in the command"),
    ("0 9 * * * wget --post-file=- https://e.example/", "not in the command"),
    ("0 9 * * * curl --cert x https://e.example/", "unrecognized arguments: --cert"),
    ("0 9 * * * wget --mirror https://e.example/", "unrecognized arguments: --mirror"),
    ("0 9 * * * wget https://e.example/a https://e.example/b", "2 URLs"),
    ("0 9 * * *", "no schedule and command"),
    ("nonsense", "no schedule and command"),
)


@pytest.mark.parametrize(("line", "reason"), LEFT_OUT, ids=[each[0] for each in LEFT_OUT])
def test_any_other_line_is_left_out_with_the_reason(
    wakecall: Commands, line: str, reason: str
) -> None:
    good = "0 8 * * * curl https://example.com/good"
    found, err = imported(wakecall, f"{good}\n{line}\n", "--utc")
    assert list(found["jobs"]) == ["good"]
    first, second = err.splitlines()
    assert first.startswith("Line 2 is left out: ")
    assert reason in first
    assert second == f"  {line}"
    assert wakecall.run("import", "crontab", "--utc", given=f"{line}\n").code == Exit.REFUSED


def test_a_schedule_of_more_digits_than_a_number_may_have_is_left_out(wakecall: Commands) -> None:
    found, err = imported(wakecall, f"{CRONTAB}{'9' * 5000} * * * * curl https://e.example/\n")
    assert sorted(found["jobs"]) == ["invoices", "nightly", "nightly-2"]
    assert "is left out: '9999" in err


def test_each_line_has_the_variables_that_were_set_before_it(wakecall: Commands) -> None:
    lines = (f"A={each}\n@daily curl https://example.com/$A >>x   2>&1  \n" for each in "bcb")
    found, err = imported(wakecall, "".join(lines), "--utc")
    assert err == ""
    assert {name: job["url"] for name, job in found["jobs"].items()} == {
        "b": "https://example.com/b",
        "c": "https://example.com/c",
        "b-2": "https://example.com/b",
    }


@pytest.mark.parametrize(
    "schedule", ["*/10 * * * *", "0,50 * * * *", "0,59 1,3 * * *", "30 4 1,15 * fri", "@monthly"]
)
def test_schedules_that_leave_ten_minutes_are_taken(wakecall: Commands, schedule: str) -> None:
    line = f"{schedule} curl https://example.com/a\n"
    assert imported(wakecall, line, "--utc")[0]["jobs"]["a"]["cron"] == schedule


def test_what_cron_escapes_is_restored_and_dollars_stay(wakecall: Commands) -> None:
    line = r"0 9 * * * curl -d 'a\%20$b' 'https://example.com/\%41$${x}'" "\n"
    job = imported(wakecall, line, "--utc")[0]["jobs"]
    assert [each["data"] for each in job.values()] == ["a%20$$b"]
    assert [each["url"] for each in job.values()] == ["https://example.com/%41$$$${x}"]


def test_an_empty_payload_makes_a_post(wakecall: Commands) -> None:
    lines = (
        "0 9 * * * curl -d '' https://e.example/a\n"
        "0 9 * * * wget --post-data= https://e.example/b\n"
        "0 9 * * * wget --method=PUT https://e.example/c\n"
    )
    jobs = imported(wakecall, lines, "--utc")[0]["jobs"]
    assert {name: job["method"] for name, job in jobs.items()} == {
        "a": "POST",
        "b": "POST",
        "c": "PUT",
    }
    assert all("data" not in job for job in jobs.values())


def test_a_line_that_is_not_utf_8_is_left_out_and_a_comment_disturbs_no_line(
    wakecall: Commands,
) -> None:
    text = (
        "# für\n0 9 * * * curl https://e.example/a\n0 9 * * * curl -d ü https://e.example/b\n"
    ).encode("latin-1")
    done = wakecall.run("import", "crontab", "--utc", given=text)
    assert list(tomllib.loads(done.out)["jobs"]) == ["a"]
    assert "Line 3 is left out: it is not UTF-8." in done.err


def test_wget_as_it_is_written(wakecall: Commands) -> None:
    line = (
        "0 9 * * * wget --quiet --spider --user a --password b --no-check-certificate e.example\n"
        "0 9 * * * wget --method=PUT --body-data '{}' --header='Content-Type: application/json' "
        "-O /dev/null https://example.com/x\n"
    )
    found, err = imported(wakecall, line, "--utc")
    assert "Line 1: Certificates are always checked." in err
    assert found["jobs"] == {
        "e.example": {
            "url": "http://e.example",
            "cron": "0 9 * * *",
            "timezone": "UTC",
            "method": "HEAD",
            "headers": {"Authorization": "Basic YTpi"},
        },
        "x": {
            "url": "https://example.com/x",
            "cron": "0 9 * * *",
            "timezone": "UTC",
            "method": "PUT",
            "contentType": "application/json",
            "data": "{}",
        },
    }


@pytest.mark.parametrize(
    ("command", "may_hold"),
    [
        ("curl https://e.example/", False),
        ("curl -H 'Authorization: x' https://e.example/", True),
        ("curl -d token=1 https://e.example/", True),
        ("wget https://e.example/?key=1", True),
        ("curl -u me:secret https://e.example/", True),
        ("curl https://me:secret@e.example/", True),
    ],
)
def test_a_note_tells_where_secrets_may_be(
    wakecall: Commands,
    command: str,
    *,
    may_hold: bool,
) -> None:
    _, err = imported(wakecall, f"0 9 * * 1-5 {command}\n", "--utc")
    assert ("may hold secrets. Put { env = … } in their place" in err) is may_hold


def test_an_ordinary_line_is_imported_without_a_word(wakecall: Commands) -> None:
    assert imported(wakecall, "0 9 * * 1-5 curl https://e.example/\n", "--utc")[1] == ""


def test_a_line_with_a_broken_url_is_left_out(wakecall: Commands) -> None:
    done = wakecall.run("import", "crontab", given="0 9 * * * curl http://[bad/\n")
    assert (done.code, "Line 1 is left out: its URL cannot be read." in done.err) == (
        Exit.REFUSED,
        True,
    )
