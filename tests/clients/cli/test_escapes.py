"""Escapes: what others wrote controls neither the terminal nor the spreadsheet of its reader."""

from __future__ import annotations

import base64
import csv
import json
from typing import Any

import pytest

from tests.clients.cli.invocation import Canned, Commands
from wakecall.cli import escapes

ID = "01a20290-027f-7fc0-b123-b43bd8583de0"
HOSTILE = "\x1b]0;owned\x07\nx\ty\x9b2J\u202e\x7f"
CONTROLS = ("\x1b", "\x07", "\x9b", "\u202e", "\x7f", "\r")


def is_harmless(text: str) -> bool:
    return not any(each in text for each in CONTROLS)


@pytest.fixture
def hostile(canned: Canned) -> dict[str, Any]:
    """A run whose texts others wrote, and a page that refuses everything in their words."""
    run = {
        "id": ID,
        "job": ID,
        "due": "2026-11-22T09:30:00Z",
        "state": "failed",
        "reason": HOSTILE,
        "attempts": [{"number": 1, "status": 500, "body": HOSTILE, "errorDetail": HOSTILE}],
    }
    canned.answers["GET", "/1/runs"] = (200, [run])
    canned.answers["GET", f"/1/runs/{ID}"] = (200, run)
    problem = {"type": "/problems/x", "title": HOSTILE, "detail": HOSTILE, "remedy": HOSTILE}
    canned.answers["GET", "/1/account"] = (400, problem)
    return run


def test_characters_that_control_a_terminal_are_escaped() -> None:
    assert escapes.printable("a\x1b[2Jb\n\tc\u202e\x9b") == "a\\x1b[2Jb\\n\\tc\\u202e\\x9b"
    assert escapes.lines("a\n\tb\r\x1b") == "a\n\tb\\r\\x1b"


@pytest.mark.parametrize("form", ["table", "tsv", "csv", "json", "jsonl"])
@pytest.mark.parametrize("command", ["run list", f"run get {ID}", "whoami"])
@pytest.mark.parametrize("is_terminal", [True, False])
def test_what_others_write_controls_no_terminal(
    wakecall: Commands, hostile: dict[str, Any], *, form: str, command: str, is_terminal: bool
) -> None:
    done = wakecall.run(*command.split(), "-o", form, terminal=is_terminal, columns=300)

    assert "owned" in done.out + done.err
    assert is_harmless(done.out)
    assert is_harmless(done.err)
    if form.startswith("json") and command == f"run get {ID}":
        assert done.json() == hostile


def test_a_list_for_programs_has_a_line_for_each_element(
    wakecall: Commands, hostile: dict[str, Any]
) -> None:
    del hostile

    assert wakecall.run("run", "list").out.count("\n") == 2


def test_a_body_is_printed_byte_for_byte_but_on_a_terminal(
    wakecall: Commands, canned: Canned, hostile: dict[str, Any]
) -> None:
    body = b"a\r\nb\x1b[2J\xff"
    encoded = {"body": base64.b64encode(body).decode(), "bodyEncoding": "base64"}
    run = {**hostile, "attempts": [encoded]}
    canned.answers["GET", f"/1/runs/{ID}"] = (200, run)

    def shown(*arguments: str) -> str:
        return wakecall.person(*arguments).out

    assert shown("run", "get", ID, "--body") == "a\nb\\x1b[2J\\xff\n"
    assert wakecall.run("run", "get", ID, "--body").raw == body
    assert is_harmless(shown("api", "GET", f"/1/runs/{ID}"))
    assert json.loads(wakecall.run("api", "GET", f"/1/runs/{ID}").out) == run


def test_a_question_names_jobs_without_control_characters(
    wakecall: Commands, canned: Canned
) -> None:
    canned.answers["GET", f"/1/jobs/{ID}"] = (200, {"id": ID, "name": HOSTILE})

    done = wakecall.person("job", "rm", ID, given="no\n")

    assert "owned" in done.err
    assert is_harmless(done.err)


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@SUM(1)", " =1", "\t=1", "\uff1d1"])
def test_a_cell_of_csv_is_not_a_formula(text: str) -> None:
    assert escapes.cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", "-5", "+1.5", "-1e-05", "2026-11-22", "https://x/"])
def test_other_cells_of_csv_stay_as_they_are(text: str) -> None:
    assert escapes.cell(text) == text


def test_csv_has_no_formulas_and_keeps_line_breaks(wakecall: Commands, canned: Canned) -> None:
    run = {"id": ID, "job": '=HYPERLINK("x")', "state": "failed", "reason": "one,\ntwo"}
    canned.answers["GET", "/1/runs"] = (200, [run])

    done = wakecall.run("run", "list", "-o", "csv", "--columns", "job,reason", "--no-header")
    tabs = wakecall.run("run", "list", "-o", "tsv", "--columns", "job", "--no-header")

    assert list(csv.reader([*done.out.splitlines(keepends=True)])) == [
        ['\'=HYPERLINK("x")', "one,\ntwo"]
    ]
    assert tabs.out == '=HYPERLINK("x")\n'
