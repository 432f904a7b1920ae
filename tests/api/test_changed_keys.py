"""A new WAKECALL_SECRET_KEY: values of old keys are encrypted again; a missing key is reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from app.service.resealing import Resealing
from app.service.secrets import SecretBox
from app.store.connection import ReconnectingConnection
from app.store.sealed import COLUMNS
from tests.api.conftest import MakeApp
from tests.factories import connect, one
from workers.maintenance import Maintenance
from workers.resealing import resealing

OLD: Final = Fernet.generate_key().decode()
NEW: Final = Fernet.generate_key().decode()
BEGINS_AS_SEALED: Final = "SELECT count(*) FROM {table} WHERE substr({column}, 1, 5) = 'gAAAA'"
STILL_NEEDED: Final = (
    "Key 2 is still needed by 5 values. Restart the processes that have it as their first key, "
    "then repeat this command."
)
MAIL: Final = {
    "WAKECALL_SMTP_URL": "smtp://127.0.0.1:2525",
    "WAKECALL_MAIL_FROM": "wakecall@example.com",
    "WAKECALL_PUBLIC_URL": "https://wakecall.example",
}
ONCE: Final = {"Idempotency-Key": "a-rotation"}


def with_keys(make_app: MakeApp, *keys: str) -> Flask:
    return make_app(WAKECALL_SECRET_KEY=",".join(keys), **MAIL)


def command(app: Flask, *arguments: str) -> tuple[int, str, str]:
    done = app.test_cli_runner().invoke(args=list(arguments))
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def bearer(make_app: MakeApp) -> Mapping[str, str]:
    """An account with two secrets, an app's token, a kept answer and a mail, sealed with OLD."""
    app = with_keys(make_app, OLD)
    key = command(app, "account", "create", "demo")[1].strip()
    headers = {"Authorization": f"Bearer {key}"}
    client = app.test_client()
    given = {"url": "http://127.0.0.1:6200", "token": "the token"}
    assert client.put("/1/dapr-apps/shop", json=given, headers=headers).status_code == 201
    assert rotate(app, headers | ONCE).status_code == 201
    assert command(app, "invite", "create", "--email", "owner@example.com")[0] == 0
    return headers


def rotate(app: Flask, headers: Mapping[str, str]) -> TestResponse:
    return app.test_client().post("/1/secrets/rotate", json={"overlap": 3600}, headers=headers)


def secrets(app: Flask, headers: Mapping[str, str]) -> TestResponse:
    return app.test_client().get("/1/secrets", headers=headers)


def sealed(database: str) -> list[bytes]:
    """All that is sealed in the database."""
    with connect(database) as connection:
        return [
            bytes(row[0])
            for each in COLUMNS
            for row in connection.execute(f"SELECT {each.sealed} FROM {each.table}").fetchall()
        ]


def test_after_the_command_the_old_key_is_needed_by_nothing(
    make_app: MakeApp, bearer: Mapping[str, str], database: str
) -> None:
    before = secrets(with_keys(make_app, OLD), bearer).get_json()
    answer = rotate(with_keys(make_app, OLD), {**bearer, **ONCE}).get_data()
    both = with_keys(make_app, NEW, OLD)

    status, output, _ = command(both, "secret", "reseal", "--dry-run")
    assert (status, output.splitlines()) == (
        0,
        [
            "signing secrets: 2 with key 2",
            "tokens of apps and runners: 1 with key 2",
            "kept answers: 1 with key 2",
            "mail to be sent: 1 with key 2",
            STILL_NEEDED,
        ],
    )
    status, output, _ = command(both, "secret", "reseal")
    assert (status, output.splitlines()) == (
        0,
        [
            "5 values were encrypted again with key 1.",
            "signing secrets: 2 with key 1",
            "tokens of apps and runners: 1 with key 1",
            "kept answers: 1 with key 1",
            "mail to be sent: 1 with key 1",
            "Key 2 is no longer needed: no stored value is encrypted with it.",
        ],
    )

    new = with_keys(make_app, NEW)
    assert {SecretBox([NEW]).key_of(each) for each in sealed(database)} == {0}
    assert secrets(new, bearer).get_json() == before
    assert rotate(new, {**bearer, **ONCE}).get_data() == answer


def test_every_column_that_is_sealed_is_among_them(
    make_app: MakeApp, bearer: Mapping[str, str], database: str
) -> None:
    with connect(database) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND data_type = 'bytea'"
        ).fetchall()
        found = {
            (table, column)
            for table, column in columns
            if one(
                connection, f"SELECT count(*) FROM {table} WHERE substr({column}, 1, 5) = 'gAAAA'"
            )
        }

    assert found == {(each.table, each.column) for each in COLUMNS}


def test_maintenance_seals_again_a_little_at_a_time(
    make_app: MakeApp, bearer: Mapping[str, str], database: str
) -> None:
    one_row = Resealing(SecretBox([NEW, OLD]), page=1)
    reseal = resealing([NEW, OLD])
    assert reseal is not None
    with connect(database) as connection:
        assert one_row.step(connection) == 1
        assert sum(SecretBox([NEW]).key_of(each) == 0 for each in sealed(database)) == 1

        reseal(connection)
    assert {SecretBox([NEW]).key_of(each) for each in sealed(database)} == {0}
    assert resealing([NEW]) is None


def test_a_value_that_no_key_opens_is_reported_and_kept(
    make_app: MakeApp, bearer: Mapping[str, str], database: str
) -> None:
    before = sealed(database)

    status, output, _ = command(with_keys(make_app, NEW), "secret", "reseal")

    assert status == 0
    assert "signing secrets: 2 with none of the keys" in output
    assert "5 values cannot be decrypted with any key: add the key that is missing." in output
    assert sealed(database) == before


def test_without_the_key_a_rotation_returns_the_new_secret_and_explains_repeats(
    make_app: MakeApp, bearer: Mapping[str, str]
) -> None:
    new = with_keys(make_app, NEW)

    refused = secrets(new, bearer)
    assert (refused.status_code, refused.get_json()["type"]) == (503, "/problems/unavailable")
    assert "operator" in refused.get_json()["detail"]
    repeated = rotate(new, {**bearer, **ONCE})
    assert (repeated.status_code, repeated.get_json()["type"]) == (
        409,
        "/problems/answer-unreadable",
    )
    assert "not processed again" in repeated.get_json()["detail"]
    status, output, failed = command(new, "secret", "show", "demo")
    assert (status, output) == (1, "")
    assert "WAKECALL_SECRET_KEY" in failed

    rotated = rotate(new, bearer)
    assert rotated.status_code == 201
    (value,) = [each["value"] for each in rotated.get_json()]
    assert command(new, "secret", "show", "demo")[1].split() == [value]
    assert [each["value"] for each in secrets(new, bearer).get_json()] == [value]
    status, output, failed = command(new, "secret", "rotate", "demo", "--overlap", "1h")
    assert (status, len(output.split())) == (0, 1)
    assert failed == "One secret is not listed: no key in WAKECALL_SECRET_KEY decrypts it.\n" * 2


def test_the_operator_finds_the_reason_in_the_log(
    make_app: MakeApp, bearer: Mapping[str, str]
) -> None:
    new = with_keys(make_app, NEW)
    with capture_logs() as lines:
        secrets(new, bearer)

    errors = {line["event"]: line.get("error") for line in lines}
    assert set(errors) >= {"secret.unreadable", "request.unavailable"}
    assert "WAKECALL_SECRET_KEY" in (errors["secret.unreadable"] or "")


def test_a_scheduler_with_one_key_seals_nothing_again(database: str) -> None:
    made = Maintenance(
        ReconnectingConnection(database, "maintenance"), retention_days=30, reseal=resealing([NEW])
    )
    assert "resealing" not in {step.name for step in made._steps}
