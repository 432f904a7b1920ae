"""Failures: the exit code of each, its problem document, and how a request is repeated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2
import pytest

import wakecall as wakecall_package
from tests.api.golden import golden
from tests.clients.cli.invocation import Canned, Commands
from tests.receiver import Receiver
from tests.receiver import answer as answering
from wakecall.cli.failures import Exit
from wakecall.cli.main import main, wants_json

SOURCES = Path(wakecall_package.__file__).parents[1]
BOOK = ("book", "https://example.com/wake", "--in", "1h")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wakecall._sync.session.time.sleep", lambda _seconds: None)


def problem(code: str, **members: Any) -> dict[str, Any]:
    return {"type": f"/problems/{code}", "title": code, "detail": f"It is {code}.", **members}


@pytest.mark.parametrize(
    "arguments",
    [
        ("job", "get", "\udcff"),
        ("api", "POST", "/1/jobs", "--data", "\udcff"),
        (*BOOK, "--data", "\udcff"),
        (*BOOK, "--call-timeout", "nan"),
        ("whoami", "--timeout", "nan"),
        ("run", "list", "--late", "inf"),
        ("upcoming", "--hours", "nan"),
        ("listen", "3000", "--local-timeout", "nan"),
    ],
)
def test_an_argument_that_cannot_be_sent_is_wrong_usage(
    wakecall: Commands, canned: Canned, arguments: tuple[str, ...]
) -> None:
    done = wakecall.run(*arguments)

    assert (done.code, done.out, canned.requests) == (Exit.USAGE, "", [])
    assert "is not UTF-8." in done.err or "is not a number." in done.err


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "invalid-member", Exit.REFUSED),
        (401, "unauthenticated", Exit.UNAUTHENTICATED),
        (403, "insufficient-scope", Exit.REFUSED),
        (403, "limit-reached", Exit.REFUSED),
        (404, "not-found", Exit.NOT_FOUND),
        (409, "conflict", Exit.CONFLICT),
        (422, "idempotency-key-reused", Exit.REFUSED),
        (429, "rate-limited", Exit.UNAVAILABLE),
        (500, "internal", Exit.REFUSED),
        (503, "unavailable", Exit.UNAVAILABLE),
    ],
)
def test_each_refusal_has_its_code_and_is_printed_as_it_came(
    wakecall: Commands, canned: Canned, status: int, code: str, expected: int
) -> None:
    document = problem(code, remedy="Do otherwise.", allowed=7)
    canned.answers["POST", "/1/jobs"] = (status, document)

    programs = wakecall.run(*BOOK, "--json")
    people = wakecall.person(*BOOK)

    assert (programs.code, programs.problem) == (expected, document)
    assert (people.code, people.out) == (expected, "")
    key = "The key is that of WAKECALL_KEY. Save another one: wakecall login, once WAKECALL_KEY is"
    remedy = f"{key} unset." if status == HTTPStatus.UNAUTHORIZED else "Do otherwise."
    assert people.err == f"wakecall: It is {code}. {remedy}\n"


def lost(error: type[httpx2.TransportError]) -> Callable[[httpx2.Request], Any]:
    def fail(request: httpx2.Request) -> Any:
        raise error("gone", request=request)

    return fail


def test_what_was_surely_not_done_says_so(wakecall: Commands, canned: Canned) -> None:
    canned.answers["POST", "/1/jobs"] = lost(httpx2.ConnectError)

    done = wakecall.run(*BOOK, "--json")

    assert done.code == Exit.UNREACHED
    assert done.problem["detail"] == (
        "The service was not reached: gone (https://wakecall.test). Nothing was done."
    )
    assert "remedy" not in done.problem
    assert len(canned.requests) > 1


def test_what_may_be_done_names_the_key_to_repeat_it_with(
    wakecall: Commands, canned: Canned
) -> None:
    canned.answers["POST", "/1/jobs"] = lost(httpx2.ReadTimeout)

    done = wakecall.run(*BOOK, "--json")
    (key,) = {each.headers["idempotency-key"] for each in canned.requests}
    canned.answers["POST", "/1/jobs"] = (201, {"id": "x", "when": "2026-11-22T10:31:00Z"})
    repeated = wakecall.run(*BOOK, "--idempotency-key", key)

    assert done.code == Exit.UNREACHED
    assert done.problem["remedy"].endswith(f"add --idempotency-key {key}")
    assert repeated.code == 0
    assert canned.requests[-1].headers["idempotency-key"] == key


def test_a_command_that_takes_no_key_names_none(wakecall: Commands, canned: Canned) -> None:
    job = "03ba07bc-0c8b-4a82-9a47-c65e7a8d24af"
    canned.answers["POST", f"/1/jobs/{job}/pause"] = lost(httpx2.ReadTimeout)

    done = wakecall.run("job", "pause", job, "--json")

    assert (done.code, "remedy" in done.problem) == (Exit.UNREACHED, False)


def test_a_list_whose_pages_lead_to_themselves_ends(wakecall: Commands) -> None:
    headers = {"Link": '</1/jobs?cursor=x>; rel="next"'}
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.query.decode())
        return httpx2.Response(200, json=[], headers=headers if len(asked) < 5 else {})

    wakecall.transport = httpx2.MockTransport(answer)
    done = wakecall.run("job", "list", "--all", "--json")

    assert (done.code, "same page" in done.err) == (Exit.UNREACHED, True)
    assert len(asked) == 2


def test_a_page_of_something_else_is_not_an_answer(wakecall: Commands, canned: Canned) -> None:
    canned.answers["GET", "/1/jobs"] = lambda _request: "html"
    page = "<!doctype html><title>Shop</title><h1>Welcome</h1>"
    wakecall.transport = httpx2.MockTransport(lambda _: httpx2.Response(200, text=page))

    done = wakecall.run("job", "list", "--json")

    assert done.code == Exit.UNREACHED
    assert done.problem["detail"] == "The answer 200 is not JSON: Shop"


@pytest.mark.parametrize(
    ("arguments", "body", "reason"),
    [
        (BOOK, "", "is not JSON"),
        (("whoami",), "", "is not JSON"),
        (("job", "rm", "a", "--yes"), "<title>Log in</title>", "is not JSON: Log in"),
        (("job", "list"), '{"status": "ok"}', "is not a list"),
        (("run", "list", "--all"), '["ok"]', "is not a list"),
    ],
)
def test_an_answer_of_something_else_is_no_defect(
    wakecall: Commands, arguments: tuple[str, ...], body: str, reason: str
) -> None:
    wakecall.transport = httpx2.MockTransport(lambda _: httpx2.Response(200, text=body))

    done = wakecall.run(*arguments, "--json")

    assert done.code == Exit.UNREACHED
    assert reason in done.problem["detail"]


def test_a_defect_of_the_command_is_no_traceback(wakecall: Commands, canned: Canned) -> None:
    canned.answers["GET", "/1/accuracy"] = (200, {})

    done = wakecall.run("accuracy", "-o", "table")

    assert (done.code, done.out) == (Exit.REFUSED, "")
    assert "Run it again with --debug" in done.err
    with pytest.raises(KeyError):
        wakecall.run("accuracy", "--debug")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("job", "lst"), "list"),
        (("jobs",), "job"),
        (("job", "list", "--tagg", "x"), "--tag"),
        (("job", "get"), "JOB"),
        (("run", "list", "--late", "soon"), "--late"),
        (("-o", "xml", "job", "list"), "xml"),
    ],
)
def test_wrong_usage_names_what_is_near(
    wakecall: Commands, arguments: tuple[str, ...], hint: str
) -> None:
    people = wakecall.run(*arguments)
    programs = wakecall.run(*arguments, "--json")

    assert (people.code, people.out) == (Exit.USAGE, "")
    assert hint in people.err
    assert programs.code == Exit.USAGE
    assert hint in programs.problem["detail"]
    assert programs.problem["title"] == "Wrong usage"


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("job list --json", True),
        ("-o json job list", True),
        ("job list -ojsonl", True),
        ("job list --output=json", True),
        ("job list -o table", False),
        ("job list", False),
    ],
)
def test_json_is_recognised_also_where_it_cannot_be_parsed(arguments: str, *, wanted: bool) -> None:
    assert wants_json(arguments.split()) is wanted


def test_shared_options_stand_before_the_command_or_after_it(
    wakecall: Commands, canned: Canned
) -> None:
    canned.answers["GET", "/1/runs"] = "runs"

    before = wakecall.run("--json", "run", "list")
    between = wakecall.run("-o", "table", "run", "list", "-o", "json")

    assert json.loads(before.out) == json.loads(between.out)


def test_verbose_prints_each_request_and_its_id(wakecall: Commands, canned: Canned) -> None:
    canned.answers["GET", "/1/runs"] = "runs"

    done = wakecall.run("run", "list", "-v")

    assert done.err.startswith("GET https://wakecall.test/1/runs?view=brief&limit=100 -> 200, ")
    assert wakecall.run("run", "list", "-q").err == ""


def test_the_proxy_of_the_environment_is_used_but_for_this_machine(
    wakecall: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    account = answering(200, body=golden("account.response.json"))
    wakecall.transport = None
    with Receiver(account) as proxy, Receiver(account) as service:
        monkeypatch.setenv("http_proxy", proxy.url(""))
        for url, asked, target in (
            ("http://wakecall.test", proxy, "http://wakecall.test/1/account"),
            (service.url(""), service, "/1/account"),
        ):
            wakecall.environ["WAKECALL_URL"] = url
            done = wakecall.run("whoami", "-v")
            assert done.code == 0, done.err
            assert f"GET {url}/1/account -> 200, " in done.err
            assert [each.target for each in asked.requests] == [target]
    for proxy_url in ("gopher://proxy", "socks5://proxy:1080"):
        monkeypatch.setenv("http_proxy", proxy_url)
        monkeypatch.setitem(sys.modules, "socksio", None)
        wakecall.environ["WAKECALL_URL"] = "http://wakecall.test"
        done = wakecall.run("whoami")
        assert (done.code, done.err[:21]) == (Exit.USAGE, "wakecall: http_proxy ")


def test_a_terminal_without_unicode_and_a_folder_that_is_gone_are_no_defects(home: Path) -> None:
    gone = home / "gone"
    gone.mkdir()
    program = "import os, sys; os.rmdir(os.getcwd()); from wakecall.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "import", "curl"],
        input="curl -d ☃ https://example.com/a".encode(),
        env={**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONPATH": str(SOURCES)},
        cwd=gone,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert tomllib.loads(done.stdout.decode("latin-1"))["jobs"]["a"]["data"] == "☃"


def test_no_command_reads_the_key_from_its_arguments() -> None:
    names = {name for each in main.params for name in each.opts}

    assert "--key" not in names
