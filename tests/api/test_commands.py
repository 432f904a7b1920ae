import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import select

from app.api.context import current_context
from app.domain.limits import TABLE
from app.store.tables import account
from tests.factories import connect

ROOT = Path(__file__).parent.parent.parent
EMPTY = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    return app.test_cli_runner()


def run(runner: FlaskCliRunner, *arguments: str) -> str:
    result = runner.invoke(args=arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def accepted(app: Flask, key: str) -> bool:
    return app.test_client().get("/1/jobs", headers={"X-API-Key": key}).status_code == 200


def test_a_new_account_s_key_is_printed_alone(app: Flask, runner: FlaskCliRunner) -> None:
    printed = run(runner, "account", "create", "demo")
    assert printed.count("\n") == 1
    assert accepted(app, printed.strip())


def test_keys_are_made_listed_and_revoked(app: Flask, runner: FlaskCliRunner) -> None:
    first = run(runner, "account", "create", "demo").strip()
    second = run(runner, "key", "create", "demo", "--label", "the other").strip()
    lines = run(runner, "key", "list", "demo").splitlines()
    assert [line.split()[2:] for line in lines] == [
        ["valid", "admin", "first"],
        ["valid", "admin", "the", "other"],
    ]
    for key, line in zip((first, second), lines, strict=True):
        assert line.split()[0] in key
        assert key not in line
    assert run(runner, "key", "revoke", lines[0].split()[0]) == ""
    assert (accepted(app, first), accepted(app, second)) == (False, True)
    assert "revoked" in run(runner, "key", "list", "demo").splitlines()[0]


def test_a_key_may_expire_and_the_list_shows_it(
    app: Flask, runner: FlaskCliRunner, database: str
) -> None:
    run(runner, "account", "create", "demo")
    until = "2099-01-01T00:00:00Z"
    key = run(runner, "key", "create", "demo", "--label", "ci", "--expires", until).strip()
    assert accepted(app, key)
    line = run(runner, "key", "list", "demo").splitlines()[1]
    assert line.split()[2:] == ["valid", "admin", "ci", "(expires", f"{until})"]

    with connect(database) as connection:
        connection.execute(
            "UPDATE api_key SET expires_at = '2026-01-01', last_used_at = '2025-12-31T23:00Z'"
            " WHERE label = 'ci'"
        )
    assert not accepted(app, key)
    line = run(runner, "key", "list", "demo").splitlines()[1]
    assert line.split()[2] == "expired"
    assert line.endswith("used 2025-12-31T23:00:00Z)")

    for wrong in ("2020-01-01T00:00:00Z", "soon"):
        refused = runner.invoke(args=["key", "create", "demo", "--expires", wrong])
        assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)


def test_secrets_are_shown_and_rotated(runner: FlaskCliRunner) -> None:
    run(runner, "account", "create", "demo")
    old = run(runner, "secret", "show", "demo").strip()
    new = run(runner, "secret", "rotate", "demo").strip()
    assert old.startswith("whsec_")
    assert run(runner, "secret", "show", "demo").split() == [new, old]
    last = run(runner, "secret", "rotate", "demo", "--overlap", "0s").strip()
    assert run(runner, "secret", "show", "demo").split()[0] == last
    assert run(runner, "secret", "show", "demo").split() == [last]
    assert run(runner, "secret", "rotate", "demo", "--overlap", "0").startswith("whsec_")
    run(runner, "secret", "rotate", "demo", "--overlap", "7d")
    newest, older = run(runner, "secret", "list", "demo").splitlines()
    assert newest.endswith("  current")
    assert re.search(r"Z  until 20\d\d-.*Z$", older)
    assert "whsec_" not in newest + older


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("account", "create", "Not A Name"), "Use 1 to 63"),
        (("account", "create", "demo"), "already exists"),
        (("account", "limit", "nobody", "--connections", "5"), "account create nobody"),
        (("account", "limit", "nobody"), "account create nobody"),
        (("account", "limit", "demo", "--connections", "off"), "from 1 to 10000"),
        (("account", "limit", "demo", "--requests-per-second", "0"), "`off`, or `default`"),
        (("account", "limit", "demo", "--connections", "0"), "from 1 to 10000"),
        (("account", "limit", "demo", "--connections", "10001"), "from 1 to 10000"),
        (("key", "create", "nobody"), "account create nobody"),
        (("key", "create", "demo", "--label", "x" * 101), "100"),
        (("key", "list", "nobody"), "account create nobody"),
        (("key", "revoke", "nothing"), "key list"),
        (("secret", "show", "nobody"), "account create nobody"),
        (("secret", "list", "nobody"), "account create nobody"),
        (("secret", "rotate", "nobody"), "account create nobody"),
    ],
)
def test_an_error_is_reported_in_one_line(
    runner: FlaskCliRunner, arguments: tuple[str, ...], said: str
) -> None:
    run(runner, "account", "create", "demo")
    result = runner.invoke(args=arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    assert said in result.stderr


def test_an_account_s_connections_are_limited_and_set_back(
    app: Flask, runner: FlaskCliRunner
) -> None:
    run(runner, "account", "create", "demo")
    for given, stored in (("7", 7), ("10000", 10_000), ("default", None)):
        assert run(runner, "account", "limit", "demo", "--connections", given) == ""
        with app.app_context(), current_context().database.transaction() as connection:
            found = connection.execute(select(account.c.connections)).scalar_one()
        assert found == stored


def shown_limits(runner: FlaskCliRunner) -> dict[str, list[str]]:
    lines = (line.split() for line in run(runner, "account", "limit", "demo").splitlines())
    return {name: cells for name, *cells in lines}


def test_limits_of_an_account_are_changed_and_shown(runner: FlaskCliRunner) -> None:
    run(runner, "account", "create", "demo")
    before = shown_limits(runner)
    assert list(before) == [each.name for each in TABLE]
    assert before["jobs"] == ["1000000", "0", "used", "WAKECALL_LIMIT_JOBS"]
    assert before["daprApps"] == ["10000", "0", "used", "WAKECALL_LIMIT_DAPR_APPS"]

    sizes = ("--stored-bytes", "3MiB", "--history-bytes", "2GiB", "--kept-answer-bytes", "5")
    run(runner, "account", "limit", "demo", "--jobs", "7", "--followers", "off", *sizes)
    after = shown_limits(runner)
    assert {name: cells[0] for name, cells in after.items() if cells[-1] == "own"} == {
        "jobs": "7",
        "followers": "off",
        "storedBytes": str(3 << 20),
        "historyBytes": str(2 << 30),
        "keptAnswerBytes": "5",
    }

    run(runner, "account", "limit", "demo", "--jobs", "default", "--connections", "3")
    assert (shown_limits(runner)["jobs"], shown_limits(runner)["connections"]) == (
        before["jobs"],
        ["3", "own"],
    )
    run(runner, "account", "limit", "demo", "--connections", "default")
    assert shown_limits(runner)["connections"] == before["connections"]


@pytest.mark.parametrize("number", ["many", "-1", "1.5", "", "1MiB", "12345678901234567"])
def test_connections_are_a_number_or_the_default(runner: FlaskCliRunner, number: str) -> None:
    result = runner.invoke(args=["account", "limit", "demo", "--connections", number])
    assert result.exit_code == 2
    assert "default" in result.stderr


@pytest.mark.parametrize("overlap", ["24", "h", "-1h", "1w", "", "99999999d", "366d", "1.5h", "00"])
def test_an_overlap_is_a_number_and_a_unit(runner: FlaskCliRunner, overlap: str) -> None:
    result = runner.invoke(args=["secret", "rotate", "demo", "--overlap", overlap])
    assert result.exit_code == 2
    assert "24h" in result.stderr


def flask(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
    cleared = {name: value for name, value in os.environ.items() if "WAKECALL" not in name}
    return subprocess.run(
        command, cwd=ROOT, env={**cleared, **environ}, capture_output=True, text=True, check=False
    )


def test_the_flask_command_finds_the_commands(environ: dict[str, str]) -> None:
    made = flask(environ, "account", "create", "demo")
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith("wk_")


def test_the_flask_command_finds_the_one_of_several_hosts_that_answers(
    environ: dict[str, str],
) -> None:
    found = conninfo_to_dict(environ["DATABASE_URL"])
    several = make_conninfo("", **{**found, "host": f"/nowhere,{found['host']}"})
    environ = {**environ, "DATABASE_URL": several}

    assert flask(environ, "db", "upgrade").returncode == 0
    made = flask(environ, "account", "create", "demo")
    assert (made.returncode, made.stderr) == (0, "")


def test_a_wrong_setting_is_reported_in_one_line_not_a_traceback(environ: dict[str, str]) -> None:
    for wrong, said in (
        ({"DATABASE_URL": ""}, "make run"),
        ({"WAKECALL_RATE_LIMIT": "many"}, "WAKECALL_RATE_LIMIT"),
        ({"DATABASE_URL": "mysql://root:secret@127.0.0.1/x"}, "DATABASE_URL cannot be used"),
        ({"REDIS_URL": "redis://127.0.0.1:secret/0"}, "REDIS_URL cannot be used"),
    ):
        result = flask({**environ, **wrong}, "account", "create", "demo")
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.count("\n") == 1
        assert said in result.stderr
        assert "secret" not in result.stderr
    away = {**environ, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    result = flask(away, "account", "create", "demo")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "database" in result.stderr
    assert "Connection refused" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("account", "create", "demo"),
        ("account", "limit", "demo"),
        ("account", "suspend", "demo"),
        ("account", "delete", "demo", "--yes"),
        ("key", "create", "demo"),
        ("key", "list", "demo"),
        ("key", "revoke", "wk_1234"),
        ("secret", "show", "demo"),
        ("secret", "list", "demo"),
        ("secret", "rotate", "demo"),
        ("secret", "reseal"),
        ("dapr-app", "list", "demo"),
        ("fusion-runner", "list", "demo"),
        ("dapr-sidecar", "--app-id", "shop", "--app-port", "6200", "--no-dapr-grpc"),
    ],
    ids=" ".join,
)
def test_a_database_without_tables_is_reported_in_a_line(
    runner: FlaskCliRunner, database: str, arguments: tuple[str, ...]
) -> None:
    with connect(database) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    assert failure(runner, *arguments).startswith("42P01: relation ")


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (
            f"{EMPTY}; REVOKE CREATE ON SCHEMA public FROM CURRENT_USER",
            "Error: 42501: permission denied for schema public. The role of DATABASE_URL needs",
        ),
        ("DROP TABLE alembic_version", "Error: 42P07: relation "),
    ],
)
def test_a_migration_that_fails_says_why_in_a_line(
    environ: dict[str, str], database: str, before: str, said: str
) -> None:
    with connect(database) as connection:
        connection.execute(before)

    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert done.stderr.startswith(said)


@pytest.mark.parametrize(
    "arguments",
    [
        ("account", "limit", "\udcff"),
        ("account", "suspend", "demo", "--reason", "\udcff"),
        (
            "dapr-app",
            "add",
            "demo",
            "--app-id",
            "shop",
            "--url",
            "http://127.0.0.1/",
            "--token",
            "\udcff",
        ),
        ("invite", "create", "--note", "\udcff"),
        ("key", "create", "demo", "--label", "\udcff"),
        ("key", "revoke", "\udcff"),
    ],
    ids=" ".join,
)
def test_an_argument_that_is_not_utf8_is_refused_in_a_line(
    runner: FlaskCliRunner, arguments: tuple[str, ...]
) -> None:
    run(runner, "account", "create", "demo")

    refused = runner.invoke(args=arguments)

    assert isinstance(refused.exception, SystemExit), refused.exception
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)


def test_a_database_of_an_older_schema_is_reported_in_a_line(
    runner: FlaskCliRunner, database: str
) -> None:
    run(runner, "account", "create", "demo")
    with connect(database) as connection:
        connection.execute("ALTER TABLE api_key DROP COLUMN scope")
    assert failure(runner, "key", "list", "demo").startswith("42703: column ")


def failure(runner: FlaskCliRunner, *arguments: str) -> str:
    """The line that a command prints which needs another schema."""
    result = runner.invoke(args=arguments)
    assert isinstance(result.exception, SystemExit), result.exception
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert result.stderr.endswith(". Run flask --app wsgi db upgrade.\n")
    return result.stderr
