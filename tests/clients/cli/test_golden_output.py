"""What commands print of the API's documents: on a terminal, elsewhere, and as JSON."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.api.golden import golden
from tests.clients.cli.invocation import Canned, Commands
from wakecall.cli.failures import Exit

FOLDER = Path(__file__).parent / "golden"
RUN = "01a20290-027f-7fc0-b123-b43bd8583de0"
JOB = "03ba07bc-0c8b-4a82-9a47-c65e7a8d24af"

CASES: dict[str, tuple[str, dict[tuple[str, str], str], str | None]] = {
    "job-list": (
        "job list",
        {("GET", "/1/jobs"): "full-list", ("GET", "/1/runs/failures"): "failures"},
        "full-list",
    ),
    "run-list": ("run list", {("GET", "/1/runs"): "runs"}, "runs"),
    "job-runs": (f"job runs {JOB}", {("GET", f"/1/jobs/{JOB}/runs"): "runs"}, "runs"),
    "run-get": (f"run get {RUN}", {("GET", f"/1/runs/{RUN}"): "redelivered"}, "redelivered"),
    "upcoming": ("upcoming", {("GET", "/1/upcoming"): "upcoming"}, "upcoming"),
    "preview": (
        "preview --cron '0 30 1,2 ? * SUN'",
        {("POST", "/1/preview"): "preview"},
        "preview",
    ),
    "accuracy": ("accuracy", {("GET", "/1/accuracy"): "accuracy"}, "accuracy"),
    "key-list": ("key list", {("GET", "/1/keys"): "keys"}, "keys"),
    "secret-list": ("secret list", {("GET", "/1/secrets"): "secrets"}, "secrets"),
    "inbox-list": ("inbox list", {("GET", "/1/inboxes"): "inboxes"}, "inboxes"),
    "redeliver": (
        "redeliver --check",
        {("POST", "/1/runs/redeliver"): "redelivery"},
        "redelivery",
    ),
    "whoami": ("whoami", {("GET", "/1/account"): "account"}, None),
    "job-get": (f"job get {JOB}", {("GET", f"/1/jobs/{JOB}"): "zoned"}, "zoned"),
}


def prepared(name: str, canned: Canned) -> list[str]:
    command, answers, _ = CASES[name]
    canned.answers.update(answers)
    return shlex.split(command)


def check(name: str, text: str) -> None:
    """Compare with the file, or write it where there is none: a new one is looked at and kept."""
    path = FOLDER / name
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        pytest.fail(f"{path} was not there; it is now: look at it and keep it")
    assert text == path.read_text()


@pytest.mark.parametrize("name", CASES)
def test_a_person_reads_a_table_in_local_time(
    name: str, wakecall: Commands, canned: Canned
) -> None:
    done = wakecall.person(*prepared(name, canned), columns=140)

    assert done.code == 0, done.err
    check(f"{name}.txt", done.out + "--- stderr\n" + done.err)


@pytest.mark.parametrize("name", CASES)
def test_a_program_reads_values_between_tabs(name: str, wakecall: Commands, canned: Canned) -> None:
    done = wakecall.run(*prepared(name, canned), "--utc")

    assert done.code == 0, done.err
    check(f"{name}.tsv", done.out)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[2]])
def test_json_is_the_document_of_the_api(name: str, wakecall: Commands, canned: Canned) -> None:
    document = CASES[name][2]

    done = wakecall.run(*prepared(name, canned), "--json")

    assert (done.code, done.err) == (0, "")
    expected = json.loads(golden(f"{document}.response.json"))
    assert done.json() == expected


@pytest.mark.parametrize("name", CASES)
def test_each_id_has_a_line_of_its_own(name: str, wakecall: Commands, canned: Canned) -> None:
    done = wakecall.run(*prepared(name, canned), "-o", "id")

    if name in ("accuracy", "redeliver"):
        assert (done.code, done.out) == (Exit.USAGE, "")
    else:
        assert done.code == 0, done.err
        assert done.out.strip()
        assert all(line.strip() for line in done.out.splitlines())
