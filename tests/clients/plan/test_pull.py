"""Pull: the file has what the service has; comments and values from elsewhere stay."""

from __future__ import annotations

import stat
import sys
import tomllib
from pathlib import Path

import pytest

from tests.clients.cli.invocation import Commands
from tests.clients.plan.conftest import HEAD, Write
from wakecall.cli.failures import Exit

FILE = """
# Who is called.
[vars]
base = "https://example.com"

[defaults]
timezone = "Europe/Berlin"   # where we are

# The invoices of a month.
[jobs.invoices]
url = "${base}/invoices"
cron = "15 10 * * 1-5"       # after breakfast
headers = { Authorization = { env = "TOKEN" } }

[jobs.dunning]
url = "https://example.com/dunning"
cron = "@weekly"
timeout = 5                  # is quick
"""


@pytest.fixture
def text(real: Commands, write: Write) -> str:
    """The file, applied."""
    real.environ["TOKEN"] = "Bearer a"
    path = write(FILE)
    done = real.run("apply")
    assert done.code == 0, done.err
    return path.read_text()


def pulled(real: Commands, home: Path, *options: str) -> tuple[str, str]:
    done = real.run("pull", *options)
    assert (done.code, done.out) == (0, ""), done.err
    return (home / "folder" / "wakecall.toml").read_text(), done.err


def change(real: Commands, name: str, *options: str) -> None:
    done = real.run("job", "set", f"name:{name}", *options)
    assert done.code == 0, done.err


def test_a_file_that_is_right_stays_as_it_is(real: Commands, home: Path, text: str) -> None:
    assert pulled(real, home)[0] == text


def test_what_differs_is_written_and_comments_stay(real: Commands, home: Path, text: str) -> None:
    change(
        real,
        "dunning",
        "--cron",
        "@monthly",
        "--tz",
        "Europe/Berlin",
        "--tag",
        "managed:billing",
        "--tag",
        "late",
    )
    found, err = pulled(real, home)
    assert "~ dunning: cron" in err
    assert "wakecall.toml was written: it has 2 jobs of the service." in err
    document = tomllib.loads(found)
    assert document["jobs"]["dunning"]["cron"] == "@monthly"
    assert document["jobs"]["dunning"]["tags"] == ["managed:billing", "late"]
    for comment in ("# Who is called.", "# where we are", "# after breakfast", "# is quick"):
        assert comment in found
    assert 'url = "${base}/invoices"' in found
    assert 'Authorization = { env = "TOKEN" }' in found
    assert real.run("plan", "--detect").code == 0


def test_a_file_keeps_its_mode_and_a_link_stays_one(real: Commands, home: Path, text: str) -> None:
    path, whole = home / "folder" / "wakecall.toml", home / "whole.toml"
    path.rename(whole)
    path.symlink_to(whole)
    whole.chmod(0o600)
    change(real, "dunning", "--cron", "@monthly", "--tag", "managed:billing")
    found, _ = pulled(real, home)
    assert (found, path.is_symlink()) == (whole.read_text(), True)
    assert stat.S_IMODE(whole.stat().st_mode) == 0o600

    whole.unlink()
    path.unlink()
    path.symlink_to(home / "absent" / "whole.toml")
    done = real.run("pull", "--set", "billing")
    assert done.code == Exit.REFUSED
    assert "wakecall.toml cannot be written: No such file or directory." in done.err


def test_what_the_file_refers_to_stays_and_is_named(real: Commands, home: Path, text: str) -> None:
    real.environ["TOKEN"] = "Bearer b"
    found, err = pulled(real, home)
    assert found == text
    assert "! invoices: headers has another value on the service." in err
    assert "wakecall.toml stays as it is: it has 2 jobs of the service." in err
    assert "Bearer" not in found + err


def test_a_new_file_has_the_jobs_of_the_set_and_those_named(
    real: Commands, home: Path, text: str
) -> None:
    (home / "folder" / "wakecall.toml").unlink()
    missing = real.run("pull")
    assert (missing.code, "--set NAME" in missing.err) == (Exit.USAGE, True)
    booked = ("https://example.com/$x", "--cron", "*/20 * * * *", "--data", "a${b}", "--paused")
    assert real.run("book", *booked, "--name", "a.b c").code == 0
    found, err = pulled(real, home, "a.b c", "--set", "billing")
    assert tomllib.loads(found) == {
        "version": 1,
        "set": "billing",
        "jobs": {
            "a.b c": {
                "url": "https://example.com/$$x",
                "cron": "*/20 * * * *",
                "data": "a$${b}",
                "enabled": False,
            },
            "dunning": {
                "url": "https://example.com/dunning",
                "cron": "@weekly",
                "timezone": "Europe/Berlin",
                "timeout": 5,
            },
            "invoices": {
                "url": "https://example.com/invoices",
                "cron": "15 10 * * 1-5",
                "timezone": "Europe/Berlin",
                "headers": {"Authorization": "Bearer a"},
            },
        },
    }
    assert "use { env = … } for secrets" in err
    planned = real.run("plan")
    assert "2 unchanged. 0 to create, 1 to replace" in planned.out
    assert (planned.out.splitlines()[1].split()) == [
        "~",
        "a.b",
        "c",
        "tags",
        "(absent)",
        "->",
        '["managed:billing"]',
    ]


def test_a_payload_that_is_not_text_comes_back_as_base64(
    real: Commands, home: Path, write: Write
) -> None:
    (home / "folder" / "x.bin").write_bytes(b"\xff\x00")
    write('[jobs.a]\nurl = "https://e.example/"\ncron = "@daily"\ndata = { file = "x.bin" }\n')
    assert real.run("apply").code == 0
    assert pulled(real, home)[0].endswith('data = { file = "x.bin" }\n')
    (home / "folder" / "wakecall.toml").unlink()
    job = tomllib.loads(pulled(real, home, "--set", "billing")[0])["jobs"]["a"]
    assert (job["data"], job["dataEncoding"]) == ("/wA=", "base64")
    assert real.run("plan", "--detect").code == 0


def test_jobs_of_the_file_alone_stay_and_are_named(real: Commands, home: Path, text: str) -> None:
    assert real.run("job", "rm", "name:dunning", "--yes").code == 0
    found, err = pulled(real, home)
    assert found == text
    assert "dunning is in the file and not on the service: `wakecall apply` would create" in err


def test_a_job_that_fires_once_is_left_out(real: Commands, home: Path, text: str) -> None:
    once = ("https://example.com/", "--in", "2h", "--name", "once")
    assert real.run("book", *once, "--tag", "managed:billing").code == 0
    found, err = pulled(real, home)
    assert (found, "once fires once, and is left out: " in err) == (text, True)
    refused = real.run("pull", "once")
    assert (refused.code, "fires once" in refused.err) == (Exit.USAGE, True)


def test_a_default_that_the_job_lacks_is_named(real: Commands, home: Path, text: str) -> None:
    assert real.run("job", "rm", "name:dunning", "--yes").code == 0
    booked = ("https://example.com/dunning", "--cron", "@weekly", "--name", "dunning")
    assert real.run("book", *booked, "--tag", "managed:billing").code == 0
    found, err = pulled(real, home)
    assert "! dunning: timezone is a default of the file, and the job on the service has no" in err
    assert "timeout" not in tomllib.loads(found)["jobs"]["dunning"]


def test_another_set_is_refused(real: Commands, text: str) -> None:
    assert text.startswith(HEAD)
    refused = real.run("pull", "--set", "other")
    assert (refused.code, "has the set billing" in refused.err) == (Exit.USAGE, True)


def test_a_file_of_another_account_or_service_is_not_written(
    real: Commands, home: Path, text: str
) -> None:
    path = home / "folder" / "wakecall.toml"
    for line, reason in (
        ('account = "other"', "the account other"),
        ('url = "https://x.test"', "x.test"),
    ):
        path.write_text(f"{line}\n{text}")
        change(real, "dunning", "--call-timeout", "7")
        refused = real.run("pull")
        assert (refused.code, reason in refused.err) == (Exit.USAGE, True)
        assert path.read_text() == f"{line}\n{text}"


def test_without_tomlkit_the_command_tells_how_to_install_it(
    real: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tomlkit", None)
    refused = real.run("pull", "--set", "a")
    assert refused.code == Exit.USAGE
    assert "pip install tomlkit" in refused.err
