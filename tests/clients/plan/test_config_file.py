"""wakecall.toml: variables, defaults, values from elsewhere, and what is wrong with a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.api.native.documents.job import JOB
from tests.clients.cli.invocation import Canned, Commands
from tests.clients.plan.conftest import HEAD, Write
from wakecall.cli import config_file
from wakecall.cli.config import MAX_FILE_BYTES
from wakecall.cli.failures import Exit

FILE = """
account = "acme"
[vars]
base = { env = "BASE_URL", default = "https://api.example.com" }
path = "invoices"
[defaults]
timezone = "Europe/Berlin"
retry = { maxAttempts = 5, schedule = [1, 60] }
tags = ["money"]
[jobs.invoices]
url = "${base}/${path}?cost=$$5"
cron = "15 10 * * 1-5"
data = { file = "invoices.json" }
headers = { Authorization = { env = "TOKEN" }, X-Plain = "a" }
[jobs."a b"]
url = "https://example.com/"
cron = "@daily"
timezone = "UTC"
tags = []
"""


def test_everything_is_resolved(write: Write, home: Path) -> None:
    path = write(FILE)
    (home / "folder" / "invoices.json").write_text("[1]")

    found = config_file.read(path, {"TOKEN": "Bearer x"})

    assert (found.set, found.tag, found.account) == ("billing", "managed:billing", "acme")
    first, second = found.jobs
    assert (first.name, second.name) == ("a b", "invoices")
    assert second.document == {
        "url": "https://api.example.com/invoices?cost=$5",
        "cron": "15 10 * * 1-5",
        "timezone": "Europe/Berlin",
        "retry": {"maxAttempts": 5, "schedule": [1, 60]},
        "data": "[1]",
        "headers": {"Authorization": "Bearer x", "X-Plain": "a"},
        "tags": ["money", "managed:billing"],
    }
    # A default of a variable is in the file anyway.
    assert second.sensitive == {"data", "headers"}
    assert first.document["tags"] == ["managed:billing"]
    assert first.document["timezone"] == "UTC"

    from_environment = config_file.read(path, {"TOKEN": "x", "BASE_URL": "https://b.example"})
    assert from_environment.jobs[1].document["url"] == "https://b.example/invoices?cost=$5"
    assert from_environment.jobs[1].sensitive == {"data", "headers", "url"}


def test_a_payload_that_is_not_text_is_sent_as_base64(write: Write, home: Path) -> None:
    (home / "folder" / "a.bin").write_bytes(b"\xff\x00")
    path = write('[jobs.a]\nurl = "https://e.example/"\ncron = "@daily"\ndata = { file = "a.bin" }')
    found = config_file.read(path, {}).jobs[0].document
    assert (found["data"], found["dataEncoding"]) == ("/wA=", "base64")


def test_the_members_are_those_of_the_api() -> None:
    assert set(config_file.MEMBERS) == set(JOB.members) - {"id", "account", "name", "next", "when"}


JOB_A = '[jobs.a]\nurl = "https://e.example/"\ncron = "@daily"\n'
WRONG = (
    ("version = 2\n", "", "version: write version = 1 at the top"),
    ("version = 1\n", "", "set: name the set"),
    (HEAD, "job = 1", "job: unknown; a file has account"),
    (HEAD, "jobs = 1", "jobs: it is a table: [jobs]"),
    (HEAD, "account = 1", "account: it is a text"),
    (HEAD, "[jobs]\na = 1", "jobs.a: a job is a table"),
    (HEAD, '[jobs.a]\ncron = "@daily"', "jobs.a: url is missing"),
    (HEAD, '[jobs.a]\nurl = "https://e.example/"', "jobs.a: cron is missing"),
    (HEAD, f'{JOB_A}when = "2030-01-01"', "jobs.a.when: a file has recurring jobs alone"),
    (HEAD, f"{JOB_A}colour = 1", "jobs.a.colour: unknown; a job has url, cron"),
    (HEAD, "[defaults]\nnext = 1", "defaults.next: unknown"),
    (HEAD, f'{JOB_A}data = "${{no}}"', "jobs.a.data: there is no variable no"),
    (HEAD, f'{JOB_A}data = {{ env = "NO" }}', "jobs.a.data: the environment has no NO"),
    (HEAD, f"{JOB_A}data = {{ env = 1 }}", "jobs.a.data: env, file and default are texts"),
    (HEAD, f'{JOB_A}data = {{ env = "A", file = "b" }}', "jobs.a.data: use { env"),
    (HEAD, f'{JOB_A}data = {{ file = "no" }}', "no cannot be read: No such file"),
    (HEAD, f'{JOB_A}data = {{ file = "a\\u0000b" }}', "cannot be read: embedded null byte"),
    (HEAD, f'{JOB_A}url2 = "x"', "jobs.a.url2: unknown"),
    (HEAD, f"{JOB_A}misfire = 2027-01-01", "jobs.a.misfire: a date is written as text"),
    (HEAD, f"{JOB_A}tags = 'x'", "jobs.a.tags: it is an array of texts"),
    (HEAD, f"{JOB_A}timeout = nan", "jobs.a.timeout: nan is not a number"),
    (HEAD, f"{JOB_A}retry = {{ maxAge = inf }}", "jobs.a.retry.maxAge: inf is not a number"),
    (HEAD, f'{JOB_A}data = {{ env = "LATIN" }}', "LATIN of the environment is not UTF-8"),
    (HEAD, "[vars]\na = [1]", "vars.a: a variable is a text or a number"),
    (HEAD, "[runners.spark]\nurl = 'https://e.example/'", "set these with `wakecall runner set`"),
)


@pytest.mark.parametrize(("head", "text", "reason"), WRONG, ids=[each[2] for each in WRONG])
def test_validate_names_what_is_wrong(
    real: Commands, write: Write, head: str, text: str, reason: str
) -> None:
    path = write(text, head=head)
    real.environ["LATIN"] = "\udcff"
    done = real.run("validate")
    assert (done.code, done.out) == (Exit.WRONG_FILE, "")
    assert f"{path}" in done.err
    assert reason in done.err


def test_validate_needs_no_service(wakecall: Commands, write: Write) -> None:
    write(JOB_A, name="other.toml")
    wakecall.environ.clear()
    done = wakecall.run("validate", "-f", "other.toml")
    assert (done.code, done.out) == (0, "")
    assert "the set billing has 1 job." in done.err


def test_a_file_that_is_missing_is_wrong_usage(wakecall: Commands) -> None:
    done = wakecall.run("validate")
    assert done.code == Exit.USAGE
    assert "There is no" in done.err


@pytest.mark.parametrize("command", ["validate", "plan", "plan --detect", "apply", "pull"])
def test_a_file_that_is_not_toml_is_wrong(wakecall: Commands, write: Write, command: str) -> None:
    path = write("[", head="")
    done = wakecall.run(*command.split(), "--file", "wakecall.toml")
    assert done.code == Exit.WRONG_FILE
    assert f"{path} cannot be used: " in done.err


@pytest.mark.parametrize("command", ["validate", "apply --prune --yes"])
def test_a_file_that_is_too_long_is_not_read_in_part(
    wakecall: Commands, canned: Canned, write: Write, command: str
) -> None:
    comment = f"# {'x' * MAX_FILE_BYTES}\n"
    write(f'{comment}[jobs.kept]\nurl = "https://e.example/"\ncron = "@daily"\n')
    done = wakecall.run(*command.split())
    assert done.code == Exit.WRONG_FILE
    assert "it has more than 1024 KiB" in done.err
    assert canned.requests == []


def test_a_file_that_is_nested_too_deeply_is_wrong(wakecall: Commands, write: Write) -> None:
    write(f"a = {'[' * 3000}{']' * 3000}", head="")
    done = wakecall.run("validate")
    assert done.code == Exit.WRONG_FILE
    assert "its values are nested too deeply" in done.err
