"""The page of the first call: its steps without script, and the programs that it offers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from flask import Flask

from app.api.context import context_of
from app.console.verifiers import VERIFIERS
from app.delivery.signing import sign
from app.domain.inbox import Answer, NewCall, Signature
from app.domain.role import Role
from app.domain.secret import new_secret
from app.service import inboxes
from app.store import inbox_calls
from tests.console.people import SignedIn
from tests.console.rules import check_page
from tests.console.test_inbox_pages import CALL
from tests.factories import claim_all, connect

START = "/console/start"


def step_of(person: SignedIn, number: int) -> str:
    page = check_page(person.get(START))
    return " ".join(page.get_element_by_id(f"step-{number}").text_content().split())


def test_the_steps_are_done_one_after_the_other(
    app: Flask, signed_in: SignedIn, database: str
) -> None:
    assert "no inbox" in step_of(signed_in, 1)

    booked = signed_in.post(f"{START}/call")
    assert (booked.status_code, booked.headers["Location"]) == (303, START)
    (inbox,) = inboxes.list_inboxes(context_of(app), signed_in.account)
    url = inboxes.url_of(context_of(app), inbox)
    assert url in step_of(signed_in, 1)
    assert re.search(r"in [0-5] s", step_of(signed_in, 2))
    assert "appears here" in step_of(signed_in, 3)

    with connect(database) as connection:
        (run,) = claim_all(connection, ahead=60)
    assert "claimed" in step_of(signed_in, 2)

    _arrive(app, inbox.id, run.run_id)
    arrived = step_of(signed_in, 3)
    assert "1.3 ms late" in arrived
    assert "verified" in arrived
    page = check_page(signed_in.get(START))
    assert page.xpath(f"//a[@href='/console/runs/{run.run_id}']")
    assert page.xpath("//main/@data-live") == ["5"]


def _arrive(app: Flask, inbox_id: UUID, run_id: UUID) -> None:
    received = {name: getattr(CALL, name) for name in CALL.__dataclass_fields__ if name != "run_id"}
    call = NewCall(
        inbox_id=inbox_id, answer=Answer.OK, received=type(CALL)(**received, run_id=run_id)
    )
    with context_of(app).database.session() as connection, connection.transaction():
        inbox_calls.store(connection, [call])


def test_calls_that_were_not_signed_are_not_the_first_call(app: Flask, signed_in: SignedIn) -> None:
    with context_of(app).database.transaction() as connection:
        inbox = inboxes.create(connection, signed_in.account.id)
    with context_of(app).database.session() as opened, opened.transaction():
        forged = type(CALL)(
            **{
                **{name: getattr(CALL, name) for name in CALL.__dataclass_fields__},
                "signature": Signature.INVALID,
                "run_id": None,
            }
        )
        inbox_calls.store(opened, [NewCall(inbox_id=inbox.id, answer=Answer.OK, received=forged)])
    assert "appears here" in step_of(signed_in, 3)


def test_a_booking_that_is_refused_says_why(app: Flask, signed_in: SignedIn, database: str) -> None:
    with connect(database) as connection:
        connection.execute("UPDATE account SET limits = '{\"jobs\": 0}'")
    refused = signed_in.post(f"{START}/call")
    assert refused.status_code >= 400
    assert check_page(refused.text).xpath("//*[@role='alert']")


def test_readers_look_on(app: Flask, signed_in: SignedIn) -> None:
    reader = signed_in.with_role(Role.READER)
    assert not check_page(reader.get(START)).xpath(f"//form[@action='{START}/call']")
    assert reader.post(f"{START}/call").status_code == 403


def test_the_page_is_dismissed_for_this_browser(signed_in: SignedIn) -> None:
    assert "First call" in signed_in.get("/console/accounts")
    assert signed_in.post(f"{START}/done").status_code == 303
    assert "First call" not in signed_in.get("/console/accounts")
    assert signed_in.client.get(START).status_code == 200


def test_the_page_costs_little_beside_many_jobs(
    app: Flask, signed_in: SignedIn, database: str
) -> None:
    with connect(database) as connection:
        _book_many(connection, signed_in.account.id)
    assert "no inbox" in step_of(signed_in, 1)


def _book_many(connection: psycopg.Connection, account_id: int) -> None:
    connection.execute(
        "INSERT INTO job (id, account_id, version, url, data, trigger, enabled) "
        "SELECT gen_random_uuid(), %s, 1, 'https://example.com/', '', "
        '\'{"kind": "at", "at": "2100-01-01T00:00:00Z"}\', true FROM generate_series(1, 500)',
        (account_id,),
    )


# The programs.

SECRET = new_secret()
MESSAGE = f"{uuid4()}"
BODY = "Guten Morgen, \N{SNOWMAN}!"
RUNNERS = {
    "Python": (
        "python3",
        "py",
        (
            "{code}\nimport json, sys\n"
            "found = is_from_wakecall(json.loads(sys.argv[1]), sys.argv[2].encode())\n"
            "print(str(found).lower())\n"
        ),
    ),
    "Node.js": (
        "node",
        "cjs",
        (
            "{code}\nconst [headers, body] = process.argv.slice(2);\n"
            "console.log(isFromWakecall(JSON.parse(headers), Buffer.from(body)));\n"
        ),
    ),
    "PHP": (
        "php",
        "php",
        (
            "<?php\n{code}\n"
            "echo is_from_wakecall(json_decode($argv[1], true), $argv[2]) ? 'true' : 'false';\n"
        ),
    ),
}
PRESENT = [name for name, (tool, *_) in RUNNERS.items() if shutil.which(tool)]


def headers(body: str = BODY, at: float = 0) -> dict[str, str]:
    now = int(time.time() + at)
    signature = sign([new_secret(), SECRET], message_id=MESSAGE, timestamp=now, body=body.encode())
    return {
        "webhook-id": MESSAGE,
        "webhook-timestamp": str(now),
        "webhook-signature": signature,
    }


@pytest.mark.parametrize("language", PRESENT)
def test_the_programs_tell_genuine_calls_from_others(language: str, tmp_path: Path) -> None:
    tool, ending, frame = RUNNERS[language]
    program = tmp_path / f"program.{ending}"
    program.write_text(frame.replace("{code}", VERIFIERS[language]))

    def verdict(given: dict[str, str], body: str) -> str:
        done = subprocess.run(
            [tool, str(program), json.dumps(given), body],
            env={"PATH": "/usr/bin:/bin:/usr/local/bin", "WAKECALL_SECRET": SECRET},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    assert verdict(headers(), BODY) == "true"
    assert verdict(headers(), BODY + "!") == "false"
    assert verdict(headers(at=-600), BODY) == "false"
    assert verdict({**headers(), "webhook-signature": "v1,x v1a,y"}, BODY) == "false"


def test_every_program_is_about_ten_lines() -> None:
    assert VERIFIERS.keys() == {"Python", "Node.js", "Go", "PHP"}
    assert all(8 <= len(code.splitlines()) <= 14 for code in VERIFIERS.values())
