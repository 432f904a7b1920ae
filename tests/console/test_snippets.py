"""Snippets: commands and files are read back as the document of the job that they book."""

from __future__ import annotations

import ast
import json
import shlex
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.console import command_line, snippets, toml_file
from tests.console.people import SignedIn
from tests.console.rules import check_page
from wakecall.cli import booking, config_file
from wakecall.cli.book import book

NASTY = 'it\'s $HOME `id` "é" \\ ${X}; !!\n--at\ttab \x07'
CRON = {"url": "https://a.example/it's?x=$1&y=2", "cron": "0 30 9 ? * MON-FRI"}
FULL = {
    **CRON,
    "timezone": "Europe/Berlin",
    "onGap": "next",
    "onOverlap": "both",
    "contentType": "application/json",
    "data": NASTY,
    "enabled": False,
    "name": "--invoices of 'acme'",
    "tags": ["-x", "a b"],
    "method": "PUT",
    "headers": {"X-Team": "bill'ing", "X-Empty": ""},
    "timeout": 2.5,
    "retry": {"maxAttempts": 12, "backoff": {"initial": 60, "factor": 2, "max": 43_200}},
    "misfire": "all",
    "onSuccess": "https://a.example/done",
    "onFailure": "https://a.example/failed",
}
ODD: list[dict[str, Any]] = [
    {**CRON, "signature": "s"},
    {**CRON, "retry": {"maxAttempts": 3}},
    {**CRON, "misfire": "skip", "misfireWindow": 60},
    {**CRON, "data": "AAEC", "dataEncoding": "base64"},
    {**CRON, "url": "-x"},
    {"url": "https://a.example"},
]
LONG = {**CRON, "data": 'it\'s "a" b\n' * 2000, "tags": ["a"]}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def words_of(document: dict[str, Any]) -> list[str]:
    return shlex.split(command_line.book(document).replace("\\\n", ""))


def booked(document: dict[str, Any]) -> dict[str, Any]:
    """The document that `wakecall book` sends for the command of another one."""
    program, command, *arguments = words_of(document)
    assert (program, command) == ("wakecall", "book")
    params = book.make_context("book", [*arguments]).params
    zone = arguments[arguments.index("--tz") + 1] if "--tz" in arguments else None
    session: Any = SimpleNamespace(
        options=SimpleNamespace(utc=False, zone=zone),
        out=SimpleNamespace(now=datetime(2026, 11, 22, tzinfo=UTC)),
        zone=UTC,
    )
    names = booking.Described.__dataclass_fields__
    described = booking.Described(**{name: params[name] for name in names})
    found = {"url": params["target"], **booking.members(session, described)}
    if params["name"] is not None:
        found["name"] = params["name"]
    if params["paused"]:
        found["enabled"] = False
    return found


@pytest.mark.parametrize(
    "document",
    [
        CRON,
        FULL,
        {**CRON, "retry": {"maxAttempts": 1}},
        {"url": "http://a.example", "when": "2026-12-24T18:00:00Z"},
    ],
)
def test_the_command_books_the_same_document(document: dict[str, Any]) -> None:
    assert booked(document) == document


def test_a_time_without_a_zone_is_in_utc_for_the_command_too() -> None:
    found = booked({"url": "http://a.example", "when": "2026-12-24T18:00"})
    assert found["when"] == "2026-12-24T18:00:00Z"


@given(TEXTS, TEXTS)
def test_a_shell_reads_any_text_as_it_was_meant(data: str, name: str) -> None:
    document = {**CRON, "data": data.replace("\0", ""), "name": name.replace("\0", "")}
    words = words_of(document)
    options = [each.partition("=") if each.startswith("--data=-") else None for each in words]
    values = [each[2] for each in options if each] or [words[words.index("--data") + 1]]
    assert values == [document["data"]]


@pytest.mark.parametrize("document", ODD)
def test_what_the_command_has_no_options_for_is_sent_as_it_is(document: dict[str, Any]) -> None:
    words = words_of(document)
    assert words[:4] == ["wakecall", "api", "POST", "/1/jobs"]
    assert json.loads(words[words.index("-d") + 1]) == document


@pytest.mark.parametrize("document", [CRON, FULL, *ODD[:4]])
def test_the_command_reads_the_same_document_of_the_file(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    path = tmp_path / "wakecall.toml"
    path.write_bytes(toml_file.render("acme", document).encode())
    found = config_file.read(path, {})
    assert found.account == "acme"
    (job,) = found.jobs
    assert job.name == document.get("name", toml_file.UNNAMED)
    wanted = {each: value for each, value in document.items() if each != "name"}
    wanted["tags"] = [*document.get("tags", []), found.tag]
    assert job.document == wanted


@given(st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
))  # fmt: skip
def test_any_value_is_read_back(value: Any) -> None:
    assert _undollared(tomllib.loads(f"x = {toml_file.value(value)}")["x"]) == value


def _undollared(value: Any) -> Any:
    """A value in which $$ is a dollar sign again, as the command reads it."""
    if isinstance(value, dict):
        return {name: _undollared(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_undollared(each) for each in value]
    return value.replace("$$", "$") if isinstance(value, str) else value


@pytest.mark.parametrize(
    "document",
    [
        {"url": "http://a.example", "when": "2999-01-01T00:00:00Z"},
        {**CRON, "headers": {"env": "HOME"}},
    ],
)
def test_the_file_does_not_hold_what_it_would_change(document: dict[str, Any]) -> None:
    assert toml_file.render("acme", document) == ""
    assert snippets.all_of("http://w", "acme", document)["wakecall.toml"] == ""


def test_the_pages_of_jobs_show_them_all(signed_in: SignedIn) -> None:
    form = {"how": "cron", "cron": CRON["cron"], "timezone": "UTC", "url": "https://a.example/<b>"}
    path = signed_in.post("/console/jobs/new", form).headers["Location"]
    for page in (signed_in.get(path), signed_in.post("/console/jobs/new/shown", form).text):
        for text in ("Python", "Node", "Command line", "wakecall.toml"):
            assert f"<summary>{text}</summary>" in page
        assert "wakecall book &#39;https://a.example/&lt;b&gt;&#39;" in page
        assert "[jobs.my-job]" in page
    check_page(signed_in.get(path))
    check_page(signed_in.get("/console/jobs/new"))


def test_a_long_payload_is_in_a_program_of_python_as_it_is() -> None:
    program = snippets.python("https://a.example", LONG)
    begin = program.index("job = ") + len("job = ")
    assert ast.literal_eval(program[begin : program.index("\nrequest = ")]) == LONG
