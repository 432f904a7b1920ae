"""Config check: `validate` judges values as the service does, and names all errors at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest

from app.api.openapi.assemble import document
from app.api.openapi.native import description
from app.domain.job import MAX_DATA
from tests.clients.cli.conftest import Service
from tests.clients.cli.invocation import Commands
from tests.clients.plan.conftest import Write
from wakecall.cli import booking, config_check, config_file
from wakecall.cli.failures import Exit

KEYWORDS: Final = {
    *("type", "enum", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"),
    *("uniqueItems", "maxProperties", "required", "format", "items", "properties"),
    "additionalProperties",
}
JOB = '[jobs.a]\nurl = "https://e.example/"\ncron = "@daily"\n'


def reduced(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of a schema that the client has too."""
    found = {name: value for name, value in schema.items() if name in KEYWORDS}
    for name in ("items", "additionalProperties"):
        if isinstance(found.get(name), dict):
            found[name] = reduced(found[name])
    if "properties" in found:
        found["properties"] = {name: reduced(each) for name, each in found["properties"].items()}
    return found


def test_the_bounds_are_those_of_the_service(service: Service) -> None:
    with service.app.app_context():
        schemas = document(description.describe(""))["components"]["schemas"]
    described = schemas["NewJob"]["properties"]
    assert set(config_check.MEMBERS) == set(config_file.MEMBERS)
    assert {name: reduced(described[name]) for name in config_check.MEMBERS} == dict(
        config_check.MEMBERS
    )
    assert reduced(described["name"]) == config_check.NAME
    assert booking.MAX_DATA_BYTES == MAX_DATA


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("timeout = 900", "jobs.a.timeout: it is a number from 1 to 60, not 900"),
        ("timeout = true", "jobs.a.timeout: it is a number from 1 to 60"),
        ('timeout = "9"', "jobs.a.timeout: it is a number from 1 to 60"),
        ("enabled = 1", "jobs.a.enabled: it is true or false"),
        ("contentType = 1", "jobs.a.contentType: it is a text"),
        ('contentType = ""', "jobs.a.contentType: it has 1 to 1024 characters, not 0"),
        ('timezone = "UTC"\nonGap = "never"', "jobs.a.onGap: it is one of skip, next"),
        ('onGap = "next"', "jobs.a.onGap: it needs timezone"),
        ('tags = ["x", "x"]', "jobs.a.tags: an element is there twice"),
        ('tags = [""]', "jobs.a.tags[0]: it has 1 to 64 characters, not 0"),
        (f"tags = {[f't{n}' for n in range(20)]}", "jobs.a.tags: it has 0 to 20 elements, not 21"),
        ("headers = { X = 1 }", "jobs.a.headers.X: it is a text"),
        ("headers = 1", "jobs.a.headers: it is a table"),
        ("retry = { maxAttempts = 2.5 }", "retry.maxAttempts: it is a whole number from 1 to 20"),
        ("retry = { schedule = [] }", "jobs.a.retry.schedule: it has 1 to 19 elements, not 0"),
        ("retry = { schedule = [0] }", "retry.schedule[0]: it is a number from 1 to 86400, not 0"),
        ("retry = { schedule = 7 }", "jobs.a.retry.schedule: it is an array"),
        ("retry = { backoff = { factor = 3 } }", "jobs.a.retry.backoff: initial is missing"),
        ("retry = { attempts = 3 }", "jobs.a.retry.attempts: unknown; it has maxAttempts, "),
        (
            "retry = { schedule = [1], backoff = { initial = 1 } }",
            "jobs.a.retry: give schedule or backoff, not both",
        ),
        ('onFailure = "example.com"', "jobs.a.onFailure: it begins with http:// or https://"),
        (f'data = "{"ü" * 1025}"', "jobs.a.data: it has at most 2048 bytes, not 2050"),
        ('data = "%"\ndataEncoding = "base64"', "jobs.a.data: it is not Base64"),
        ('dataEncoding = "base64"', "jobs.a.dataEncoding: it needs data"),
    ],
)
def test_a_value_that_the_service_would_refuse_is_named(
    real: Commands, write: Write, text: str, reason: str
) -> None:
    path = write(JOB + text)
    done = real.run("validate")
    assert (done.code, done.out) == (Exit.WRONG_FILE, "")
    assert f"wakecall: {path}: " in done.err
    assert reason in done.err
    # The service refuses it too.
    assert real.run("plan").code == Exit.REFUSED


@pytest.mark.parametrize("cron", ["0 9 * *", "0 0 9 * * ? 2027 1"])
def test_an_expression_has_five_to_seven_fields(real: Commands, write: Write, cron: str) -> None:
    write(JOB.replace("@daily", cron))
    assert f"it has five fields as in a crontab, or six or seven, not {len(cron.split())}" in (
        real.run("validate").err
    )


def test_all_errors_are_named_at_once(real: Commands, write: Write) -> None:
    path = write(
        """
colour = 1
[apps.shop]
url = "https://shop.example/"
[vars]
bad = [1]
[defaults]
timeout = 0
retries = 3
[jobs.a]
url = "${bad}/a"
cron = "@daily"
data = { env = "NO_SUCH" }
[jobs.b]
url = "https://e.example/"
retry = { maxAttempts = 99 }
[jobs.c]
when = "2030-01-01"
"""
    )
    done = real.run("validate")
    assert done.code == Exit.WRONG_FILE
    assert done.err.splitlines() == [
        f"wakecall: {path} has 11 errors:",
        "  colour: unknown; a file has account, defaults, jobs, set, url, vars, version.",
        "  apps: a file has jobs alone; set these with `wakecall app set`.",
        "  vars.bad: a variable is a text or a number.",
        "  defaults.retries: unknown; write retry, if that is meant.",
        "  jobs.a.data: the environment has no NO_SUCH.",
        "  jobs.b: cron is missing.",
        "  jobs.c.when: a file has recurring jobs alone; book this one.",
        "  jobs.c: url is missing.",
        "  jobs.c: cron is missing.",
        "  defaults.timeout: it is a number from 1 to 60, not 0.",
        "  jobs.b.retry.maxAttempts: it is a whole number from 1 to 20, not 99.",
    ]
    assert len(real.run("validate", "--json").problem["errors"]) == 11


def test_values_from_elsewhere_are_not_shown(real: Commands, write: Write) -> None:
    real.environ["SECRET"] = "12345"
    write(f'{JOB}timeout = {{ env = "SECRET" }}\nonGap = {{ env = "SECRET" }}\n')
    done = real.run("validate")
    assert done.code == Exit.WRONG_FILE
    assert "12345" not in done.err
