"""Commands about the account, against the real application."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.cli.conftest import Account
from tests.clients.cli.invocation import URL, Canned, Commands
from wakecall.cli.failures import Exit


def test_the_account_and_the_origin_of_its_key_are_shown(real: Commands, account: Account) -> None:
    done = real.run("whoami")

    assert f"account\t{account.name}\n" in done.out
    assert "key from\tWAKECALL_KEY\n" in done.out
    assert real.run("whoami", "--json").json()["account"] == account.name


def test_the_status_shows_limits_and_failures(real: Commands) -> None:
    done = real.person("status")
    document = real.run("status", "--json").json()

    assert f"service                         {URL}\n" in done.out
    assert "LIMIT" in done.out
    assert document["account"]["limits"]["jobs"]["used"] == 0
    assert document["failures"] == []


def test_ids_of_what_has_none_are_refused_before_anything_is_sent(
    wakecall: Commands, canned: Canned
) -> None:
    for command in (("status",), ("accuracy",), ("redeliver", "--yes")):
        done = wakecall.run(*command, "-o", "id")
        assert (done.code, done.out, canned.requests) == (Exit.USAGE, "", [])
        assert "has no ids" in done.err


def test_the_id_of_an_account_is_its_name(real: Commands, account: Account) -> None:
    saved = real.run("login", "--url", URL, "--key-stdin", "-o", "id", given=account.key)

    assert real.run("whoami", "-o", "id").out == saved.out == f"{account.name}\n"


def test_keys_are_created_listed_and_revoked(real: Commands) -> None:
    made = real.run("key", "create", "--scope", "read", "--label", "board", "--expires", "90d")
    listed = real.run("key", "list", "--columns", "label,scope,id", "--no-header")
    row = next(each for each in listed.out.splitlines() if each.startswith("board"))
    key_id = row.split("\t")[2]

    assert made.out.startswith(f"wk_{key_id}")
    assert "shown only now" in made.err
    assert made.out.strip() not in listed.out
    assert real.run("key", "revoke", key_id).code == 0
    assert real.run("key", "list", "--columns", "revoked", "--no-header").out.strip() != ""
    assert real.run("key", "revoke", "absent").code == Exit.NOT_FOUND
    assert real.run("key", "create", "--scope", "read", "--json").json()["value"].startswith("wk_")


def test_a_key_of_too_small_a_scope_is_refused(real: Commands) -> None:
    key = real.run("key", "create", "--scope", "read").out.strip()
    real.environ["WAKECALL_KEY"] = key

    done = real.run("secret", "show", "--json")

    assert (done.code, done.problem["type"]) == (Exit.REFUSED, "/problems/insufficient-scope")
    assert real.run("job", "list").code == 0


def test_secrets_are_shown_and_rotated(real: Commands) -> None:
    first = real.run("secret", "show").out.strip()
    rotated = real.run("secret", "rotate", "--overlap", "2d")

    assert first.startswith("whsec_")
    assert first not in real.person("secret", "list").out
    assert real.run("secret", "show", "--all").out.split() == [rotated.out.strip(), first]
    assert "signs as well until" in rotated.err
    ended = real.run("secret", "rotate", "--overlap", "0s")
    assert (ended.code, "--yes" in ended.err) == (Exit.USAGE, True)
    assert real.run("secret", "rotate", "--overlap", "0s", "--yes").code == 0
    assert len(real.run("secret", "list", "-o", "id").out.split()) == 1
    assert real.run("secret", "rotate", "--overlap", "soon").code == Exit.USAGE


def test_apps_are_set_shown_and_removed(real: Commands, home: Path) -> None:
    (home / "token").write_text("s3cret\n")
    token = ("--token-file", str(home / "token"))

    made = real.person("app", "set", "shop", "https://example.com/a", *token)
    replaced = real.person("app", "set", "shop", "https://example.com/b", "--keep-token")

    assert made.out == "Created the app shop.\n"
    assert replaced.out == "Replaced the app shop.\n"
    assert real.run("app", "list", "--no-header").out == "shop\thttps://example.com/b\thttp\tyes\n"
    assert "s3cret" not in real.run("app", "get", "shop").out
    assert real.run("app", "rm", "shop").code == 0
    assert real.run("app", "get", "shop").code == Exit.NOT_FOUND


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff"])
def test_a_file_without_a_token_is_wrong_usage(real: Commands, home: Path, content: bytes) -> None:
    path = home / "token"
    path.write_text("s3cret\n")
    command = ("app", "set", "shop", "https://example.com/a", "--token-file", str(path))
    assert real.run(*command).code == 0
    path.write_bytes(content)
    refused = real.run(*command)
    assert (refused.code, "does not hold a token" in refused.err) == (Exit.USAGE, True)
    assert real.run("app", "list", "--no-header").out == "shop\thttps://example.com/a\thttp\tyes\n"


def test_runners_are_set_and_removed(real: Commands) -> None:
    made = real.person("runner", "set", "spark", "https://example.com/run")

    assert made.out == "Created the runner of spark.\n"
    assert real.run("runner", "list", "-o", "id").out == "spark\n"
    assert real.run("runner", "rm", "spark").code == 0


def test_inboxes_are_created_changed_and_removed(real: Commands) -> None:
    made = real.run("inbox", "create", "--label", "orders")
    changed = real.person("inbox", "set", "orders", "--answer", "500")

    assert made.out.startswith(f"{URL}/in/")
    assert changed.out == "Changed orders: answers 500.\n"
    listed = real.run("inbox", "list", "--columns", "label,answer", "--no-header")
    assert listed.out == "orders\t500\n"
    assert real.run("inbox", "calls", "orders", "--json").json() == []
    assert real.person("inbox", "rm", "orders").out == "Deleted the inbox orders.\n"
    assert real.run("inbox", "rm", "orders").code == Exit.NOT_FOUND


def test_an_inbox_is_made_for_those_who_have_none(real: Commands) -> None:
    done = real.run("inbox", "calls")

    assert (done.code, f"An inbox was created: {URL}/in/" in done.err) == (0, True)
    assert real.run("inbox", "list", "-o", "id").out.count("\n") == 1


def test_any_request_can_be_sent(real: Commands, home: Path) -> None:
    (home / "job.json").write_text(
        json.dumps({"url": "https://example.com/", "when": "2099-01-01T00:00:00Z"})
    )

    posted = real.run("api", "post", "/1/jobs", "-d", f"@{home / 'job.json'}", "-i")
    listed = real.run("api", "GET", "/1/jobs?limit=1")
    xml = real.run(
        "api",
        "GET",
        f"/1/jobs/{posted.out and json.loads(posted.out)['id']}",
        "--accept",
        "text/xml",
    )
    refused = real.run("api", "GET", "/1/nowhere")

    assert posted.err.startswith("201\n")
    assert json.loads(listed.out) == [json.loads(posted.out)["id"]]
    assert xml.out.startswith("<job>")
    assert (refused.code, refused.out) == (Exit.NOT_FOUND, "")
    assert real.run("api", "GET", "1/jobs").code == Exit.USAGE
    assert real.run("api", "GET", "/1/jobs", "-d", "{}").code == Exit.USAGE


def test_pages_of_the_console_are_opened_for_people_and_printed_for_programs(
    real: Commands,
) -> None:
    job = real.run("book", "https://example.com/", "--in", "1h", "--name", "report").out.strip()

    assert real.person("open", "runs").out == f"{URL}/console/runs\n"
    assert real.person("open", "report").code == 0
    assert real.run("open").out == f"{URL}/console\n"
    assert real.run("open", "keys", "--json").json() == {"url": f"{URL}/console/keys"}
    assert real.opened == [f"{URL}/console/runs", f"{URL}/console/jobs/{job}"]


def test_accuracy_of_an_account_without_calls_has_no_figures(real: Commands) -> None:
    assert "hour        0    -    -    -    -  " in real.person("accuracy").out


def test_a_preview_tells_whether_the_schedule_can_be_booked(real: Commands) -> None:
    good = real.person("preview", "--cron", "0 30 2 * * ?", "--tz", "Europe/Berlin", "-n", "2")
    often = real.person("preview", "--cron", "0 * * * * ?")

    assert good.code == 0, good.err
    assert good.out.startswith("every day at 02:30")
    assert "does not exist" in good.err
    assert len(good.out.splitlines()) == 4
    assert often.code == Exit.REFUSED
    assert "! The " in often.err or "! the " in often.err.lower()
    assert real.run("preview").code == Exit.USAGE
    assert real.run("preview", "--at", "2099-01-01", "--columns", "utc", "--no-header").out == (
        "2099-01-01T00:00:00Z\n"
    )


def test_upcoming_firings_are_filtered(real: Commands) -> None:
    real.run("book", "https://example.com/", "--in", "2h", "--name", "near", "--tag", "t")
    real.run("book", "https://example.com/", "--in", "3d", "--name", "far")

    def listed(*options: str) -> str:
        done = real.run("upcoming", *options, "--columns", "job", "--no-header")
        assert done.code == 0, done.err
        return done.out

    assert listed() == "near\n"
    assert listed("--hours", "100") == "near\nfar\n"
    assert listed("--until", "4d", "--tag", "t") == "near\n"
    assert listed("--hours", "1") == ""
    assert real.run("upcoming", "--hours", "1", "--until", "1h").code == Exit.USAGE


def test_the_version_is_that_of_the_distribution(real: Commands) -> None:
    assert real.run("version").out.startswith("wakecall 0.")
    assert set(real.run("version", "--json").json()) == {"wakecall", "python"}
