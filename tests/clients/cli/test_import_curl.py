"""Import curl: the job that makes the request of a curl command."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.clients.cli.invocation import Commands
from wakecall.cli.failures import Exit

URL = "https://example.com/wake"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("command", "job"),
    [
        (f"curl {URL}", {"url": URL, "method": "GET", "name": "wake"}),
        (
            f"$ curl -sSXPUT {URL} -H 'Content-Type: text/plain' -d hello",
            {"method": "PUT", "contentType": "text/plain", "data": "hello"},
        ),
        (
            f"curl {URL} \\\n  -d a=1 --data-raw @b -H 'X-Shop: 7' -m 2.5",
            {
                "method": "POST",
                "contentType": "application/x-www-form-urlencoded",
                "data": "a=1&@b",
                "headers": {"X-Shop": "7"},
                "timeout": 2.5,
            },
        ),
        (
            f"""curl --json '{{"a": 1}}' --url {URL}""",
            {"contentType": "application/json", "data": '{"a": 1}', "method": "POST"},
        ),
        (f"curl -G {URL} -d a=1 -d b=2", {"url": f"{URL}?a=1&b=2", "method": "GET"}),
        (f"curl -I {URL}", {"method": "HEAD"}),
        (f"curl -d '' {URL}", {"method": "POST", "contentType": FORM}),
        (f"curl -X PUT -H 'Content-Type: text/a' {URL}", {"contentType": "text/a"}),
        (f"curl -G -d '' {URL}", {"url": URL, "method": "GET"}),
        (f"curl -u ada:s3cret {URL}", {"headers": {"Authorization": "Basic YWRhOnMzY3JldA=="}}),
        ("curl example.com", {"url": "http://example.com", "name": "example.com"}),
    ],
)
def test_a_command_is_read_as_curl_does(
    wakecall: Commands, command: str, job: dict[str, Any]
) -> None:
    done = wakecall.run("import", "curl", "--json", given=command)

    assert done.code == 0, done.err
    assert done.json() == {**done.json(), **job}


def test_the_job_is_a_table_of_wakecall_toml(wakecall: Commands, home: Path) -> None:
    (home / "command").write_text(f"curl {URL} -d 'sch\u00f6n \"x\"' -H 'X-A: 1'")

    done = wakecall.run(
        "import", "curl", str(home / "command"), "--cron", "0 9 * * *", "--tz", "UTC"
    )

    assert tomllib.loads(done.out)["jobs"]["wake"] == {
        "url": URL,
        "method": "POST",
        "headers": {"X-A": "1"},
        "contentType": "application/x-www-form-urlencoded",
        "data": 'sch\u00f6n "x"',
        "cron": "0 9 * * *",
        "timezone": "UTC",
    }
    assert done.err == ""


def test_a_payload_in_a_file_is_read(wakecall: Commands, home: Path) -> None:
    (home / "body").write_text("a\nb\n")

    bare = wakecall.run("import", "curl", "--json", given=f"curl {URL} -d @{home / 'body'}")
    whole = wakecall.run(
        "import", "curl", "--json", given=f"curl {URL} --data-binary @{home / 'body'}"
    )

    assert (bare.json()["data"], whole.json()["data"]) == ("ab", "a\nb\n")


def test_what_has_no_meaning_for_a_job_is_told_of(wakecall: Commands) -> None:
    done = wakecall.run(
        *("import", "curl", "--json"),
        given=f"curl -Lk --retry 3 -x http://proxy -H 'Host: a' -A me {URL}",
    )

    assert done.code == 0
    assert len(done.err.splitlines()) == 6


@pytest.mark.parametrize(
    "text",
    [
        "",
        "wget x",
        "curl",
        "curl a b",
        "curl 'a",
        "curl -F a=@b x",
        "curl -m soon x",
        "curl -d @/no x",
        "curl -d @- x",
        "curl -d @a\0b x",
        f"curl {URL}{' -L' * 1000}",
    ],
)
def test_what_cannot_be_read_is_wrong_usage(wakecall: Commands, text: str) -> None:
    done = wakecall.run("import", "curl", given=text)

    assert (done.code, done.out) == (Exit.USAGE, "")


def test_bytes_that_are_not_text_are_not_changed_into_others(
    wakecall: Commands, home: Path
) -> None:
    (home / "body").write_bytes(b"\xff\x00")
    command = f"curl {URL} --data-binary @{home / 'body'}"

    in_file = wakecall.run("import", "curl", given=command)
    in_command = wakecall.run("import", "curl", given=f"curl {URL} -d \xfc".encode("latin-1"))

    for done in (in_file, in_command):
        assert (done.code, done.out) == (Exit.USAGE, "")
        assert "is not UTF-8" in done.err
