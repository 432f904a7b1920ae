import json
from typing import Any

import pytest
from flask import Flask
from lxml import etree
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app import errors
from app.api import problems

NAMESPACES = {"p": "urn:ietf:rfc:7807"}
WRONG = errors.InvalidMember("when", 'No instant: "\0\ud800".', remedy="Write one.")


@pytest.fixture
def failing() -> Flask:
    """An application whose one route raises what its configuration holds."""
    app = Flask(__name__, static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    problems.install(app)

    @app.get("/")
    def fail() -> str:
        raise app.config["ERROR"]

    return app


def response_to(app: Flask, error: Exception, accept: str | None = None) -> Any:
    app.config["ERROR"] = error
    headers = {} if accept is None else {"Accept": accept}
    return app.test_client().get("/", headers=headers)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "application/problem+json"),
        ("*/*", "application/problem+json"),
        ("application/json", "application/problem+json"),
        ("application/problem+json", "application/problem+json"),
        ("application/*", "application/problem+json"),
        ("image/png", "application/problem+json"),
        ("text/xml", "application/problem+xml; charset=utf-8"),
        ("application/xml;q=0.5, image/png", "application/problem+xml; charset=utf-8"),
        ("application/problem+xml", "application/problem+xml; charset=utf-8"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("text/html, */*;q=0.1", "application/problem+json"),
    ],
)
def test_the_format_of_a_problem_follows_accept(
    failing: Flask, accept: str | None, content_type: str
) -> None:
    assert response_to(failing, WRONG, accept).headers["Content-Type"] == content_type


def test_a_problem_says_the_same_in_every_format(failing: Flask) -> None:
    members = response_to(failing, WRONG).get_json()
    assert members == {
        "type": "/problems/invalid-member",
        "title": "Invalid value",
        "status": 400,
        "detail": 'No instant: "\ufffd\ufffd".',
        "member": "when",
        "remedy": "Write one.",
    }
    root = etree.fromstring(response_to(failing, WRONG, "text/xml").data)
    assert root.tag == "{urn:ietf:rfc:7807}problem"
    in_xml = {str(etree.QName(each).localname): each.text for each in root}
    assert in_xml == {name: str(value) for name, value in members.items()}
    assert response_to(failing, WRONG, "text/plain").text == (
        "400 Invalid value\n"
        'No instant: "\ufffd\ufffd".\n'
        "member: when\nremedy: Write one.\ntype: /problems/invalid-member\n"
    )


def test_a_limit_is_shown_with_what_is_allowed_and_used(failing: Flask) -> None:
    error = errors.LimitReached("x", limit="jobs", allowed=10, used=9, remedy="Delete some.")
    members = response_to(failing, error).get_json()
    assert members == {
        "type": "/problems/limit-reached",
        "title": "A limit of the account is reached",
        "status": 403,
        "detail": "x",
        "remedy": "Delete some.",
        "limit": "jobs",
        "allowed": 10,
        "used": 9,
    }
    assert "limit: jobs\n" in response_to(failing, error, "text/plain").text


def test_every_error_of_the_tree_has_its_status(failing: Flask) -> None:
    expected: dict[errors.WakecallError, int] = {
        errors.Refused("x"): 400,
        errors.MalformedDocument("x"): 400,
        errors.InvalidMember("x", "y", remedy="z"): 400,
        errors.Unauthenticated("x"): 401,
        errors.LimitReached("x", limit="jobs", allowed=1, used=1): 403,
        errors.CrossSite("x"): 403,
        errors.AccountSuspended("x"): 403,
        errors.InsufficientScope("x"): 403,
        errors.InsufficientRole("x"): 403,
        errors.NotFound("x"): 404,
        errors.MethodNotOffered("PUT", ("GET",)): 405,
        errors.NotAcceptable("x"): 406,
        errors.TooSlow("x"): 408,
        errors.Conflict("x"): 409,
        errors.StillRunning("x"): 409,
        errors.AnswerUnreadable("x"): 409,
        errors.TooLarge("x"): 413,
        errors.AddressTooLong("x"): 414,
        errors.UnsupportedFormat("x"): 415,
        errors.UnsupportedEncoding("x"): 415,
        errors.KeyReused("x"): 422,
        errors.RateLimited("x"): 429,
        errors.Unavailable("x"): 503,
        errors.LoopDetected("x"): 508,
    }
    for error, status in expected.items():
        answer = response_to(failing, error)
        assert (answer.status_code, answer.get_json()["status"]) == (status, status)
        assert answer.get_json()["type"] == f"/problems/{error.code}"
        told_when = isinstance(error, errors.StillRunning) or status in {429, 503}
        assert ("Retry-After" in answer.headers) == told_when
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)
        assert ("Allow" in answer.headers) == (status == 405)
    covered = {type(error) for error in expected} | {errors.WakecallError}
    assert covered == problems.KINDS.keys()


@pytest.mark.parametrize("error", [RuntimeError("secret detail"), KeyError("x")])
def test_a_defect_is_logged_and_its_response_has_no_details(
    failing: Flask, error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = response_to(failing, error)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert json.loads(answer.text)["type"] == "/problems/internal"
    logged = capsys.readouterr()
    assert "Traceback" in logged.out + logged.err


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("SELECT", {}, Exception("connection refused")),
        InterfaceError("SELECT", {}, Exception("closed")),
        PoolTimeout("QueuePool limit"),
        errors.Unavailable("x"),
        errors.Misconfigured("SELECT a key"),
    ],
)
def test_a_database_that_is_away_is_503_with_retry_after(failing: Flask, error: Exception) -> None:
    answer = response_to(failing, error)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "SELECT" not in answer.text


def test_every_problem_type_leads_to_its_meaning(app: Flask) -> None:
    client = app.test_client()
    for code in problems.BY_CODE:
        page = client.get(f"/problems/{code}")
        assert page.status_code == 200
        assert page.content_type == "text/plain; charset=utf-8"
        assert len(page.text.splitlines()) == 2
    assert client.get("/problems/x").status_code == 404
