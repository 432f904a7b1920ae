"""Listen: which calls are brought here, what is reported, and connections that are lost."""

from __future__ import annotations

import json
import os
import pty
import socket
import termios
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.clients.cli.invocation import NOW, Canned, Commands
from tests.receiver import Receiver, answer, hang_up
from wakecall.cli.failures import Exit

INBOX = {
    "id": "01938a4e-0000-7000-8000-0000000000a1",
    "url": "https://wakecall.test/in/token",
    "label": f"listen on {socket.gethostname()}",
    "answer": "202",
    "calls": 6,
}
CALLS = f"/1/inboxes/{INBOX['id']}/calls"
RUN = "01938a4e-0000-7000-8000-0000000000b2"


def call(number: int = 7, **members: Any) -> dict[str, Any]:
    return {
        "number": number,
        "received": "2026-11-22T09:30:00.0019Z",
        "method": "POST",
        "path": "/paid",
        "query": "shop=1",
        "headers": [
            {"name": "host", "value": "wakecall.test"},
            {"name": "content-type", "value": "application/json"},
            {"name": "content-length", "value": "12"},
            {"name": "webhook-id", "value": RUN},
            {"name": "Wakecall-Attempt", "value": "1"},
        ],
        "data": '{"order": 7}',
        "bytes": 12,
        "signature": "verified",
        "run": RUN,
        "attempt": 1,
        "scheduledFor": "2026-11-22T09:30:00Z",
        "latenessMs": 1.9,
        "answer": "202",
        **members,
    }


class Polls:
    """The answers to polls, one after the other; the last one interrupts the command."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.seen: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> Any:
        self.seen.append(request)
        if not self.answers:
            raise KeyboardInterrupt
        answer = self.answers.pop(0)
        if isinstance(answer, type):
            raise answer("gone", request=request)
        if callable(answer):
            return answer(request)
        return answer if isinstance(answer, tuple) else (200, answer)


Listen = Callable[..., Polls]


@pytest.fixture
def polls(canned: Canned) -> Listen:
    """Sets what the polls answer."""

    def answering(*answers: Any) -> Polls:
        made = Polls(*answers)
        canned.answers["GET", "/1/inboxes"] = (200, [INBOX])
        canned.answers["GET", CALLS] = made
        canned.answers["POST", f"/1/runs/{RUN}/complete"] = (200, {"id": RUN})
        return made

    return answering


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(answer(204)) as made:
        yield made


def completions(canned: Canned) -> list[dict[str, Any]]:
    sent = [each for each in canned.requests if each.url.path.endswith("/complete")]
    return [json.loads(each.content) for each in sent]


def test_a_call_is_sent_on_as_it_came_and_completed(
    wakecall: Commands, canned: Canned, polls: Listen, receiver: Receiver
) -> None:
    made = polls([], [call()])

    done = wakecall.run("listen", receiver.url("/hooks"))

    (received,) = receiver.requests
    assert (received.method, received.target) == ("POST", "/hooks/paid?shop=1")
    assert received.body == b'{"order": 7}'
    assert received.header("content-type") == "application/json"
    assert (received.header("webhook-id"), received.header("wakecall-attempt")) == (RUN, "1")
    assert received.header("host") == f"127.0.0.1:{receiver.port}"
    assert completions(canned) == [{"status": "succeeded"}]
    assert (done.code, done.out.count("\n")) == (Exit.DONE, 1)
    assert done.out.startswith("10:30:00.0019 ✓ POST /paid?shop=1: 204, ")
    assert done.out.endswith(f"1.9 ms late, run {RUN}, attempt 1, completed as succeeded\n")
    assert done.err.splitlines()[-1] == "Ended after 1 call."
    # From the newest call that there was on, waiting; then after the one that came.
    assert [dict(each.url.params)["after"] for each in made.seen] == ["6", "6", "7"]
    assert dict(made.seen[0].url.params)["wait"] == "25"


def test_a_cookie_of_an_answer_is_not_sent_with_the_next_call(
    wakecall: Commands, polls: Listen
) -> None:
    polls([], [call()], [call(8)])
    with Receiver(answer(204, (("Set-Cookie", "seen=1; Path=/"),))) as receiver:
        wakecall.run("listen", receiver.url("/hooks"))
        assert [each.header("cookie") for each in receiver.requests] == [None, None]


def test_a_failure_here_is_left_to_the_retries_unless_it_is_to_count(
    wakecall: Commands, canned: Canned, polls: Listen, receiver: Receiver
) -> None:
    receiver.default = answer(500, body=b"no disk")
    polls([call()])
    quiet = wakecall.run("listen", str(receiver.port), "--print-body")
    assert completions(canned) == []
    polls([call()])

    failed = wakecall.run("listen", str(receiver.port), "--fail", "-o", "jsonl")

    assert "✕ POST /paid?shop=1: 500" in quiet.out
    note = "the run is called again within the hour; --fail completes it as failed at once"
    assert f"not completed: {note}" in quiet.out
    assert '  > {"order": 7}\n  < no disk\n' in quiet.out
    assert completions(canned) == [{"status": "failed", "message": "listen: 500"}]
    document = json.loads(failed.out)
    assert (document["status"], document["completed"]) == (500, "failed")
    assert document["call"] == call()


def test_a_program_that_does_not_answer_is_told_of(
    wakecall: Commands, canned: Canned, polls: Listen, receiver: Receiver
) -> None:
    receiver.default = hang_up
    polls([call()])
    broken = wakecall.run("listen", str(receiver.port), "--once")
    polls([call()])
    absent = wakecall.run("listen", "127.0.0.1:1", "--once")

    assert (broken.code, absent.code) == (Exit.REFUSED, Exit.REFUSED)
    assert "refused" in absent.out
    assert completions(canned) == []


def test_once_ends_with_the_result_of_the_call(
    wakecall: Commands, polls: Listen, receiver: Receiver
) -> None:
    polls([call(), call(8)])
    assert wakecall.run("listen", str(receiver.port), "--once").code == Exit.DONE
    assert len(receiver.requests) == 1
    polls()
    assert wakecall.run("listen", str(receiver.port), "--once").code == Exit.INTERRUPTED


def test_calls_that_the_service_did_not_sign_are_left_out(
    wakecall: Commands, canned: Canned, polls: Listen, receiver: Receiver
) -> None:
    forged = {key: value for key, value in call(signature="invalid").items() if key != "run"}
    polls([forged, call(8, path="/other")])
    done = wakecall.run("listen", str(receiver.port), "--path", "/paid")
    assert "Call 7 was left out: its signature is invalid." in done.err
    assert receiver.requests == []
    polls([forged])

    wakecall.run("listen", str(receiver.port), "--unsigned")

    assert len(receiver.requests) == 1
    assert completions(canned) == []


def test_a_body_that_is_not_kept_whole_is_not_sent(
    wakecall: Commands, canned: Canned, polls: Listen, receiver: Receiver
) -> None:
    polls([call(bytes=20_000)])

    done = wakecall.run("listen", str(receiver.port))

    assert "keeps 12 of the 20000 bytes" in done.out
    assert (receiver.requests, completions(canned)) == ([], [])


def test_a_lost_connection_is_made_again_and_told_of(
    wakecall: Commands, polls: Listen, receiver: Receiver
) -> None:
    busy = (429, {"type": "/problems/rate-limited", "title": "Busy", "detail": "Busy."})
    made = polls(httpx2.ConnectError, httpx2.ReadTimeout, busy, [], [call(9)])

    done = wakecall.run("listen", str(receiver.port))

    assert done.err.count("Trying again in") == 3
    assert done.err.count("Connected again.") == 1
    assert "2 calls came in between that the inbox does not keep." in done.err
    assert [0.8 <= each / pause <= 1 for each, pause in zip(wakecall.slept, (1, 2, 4), strict=True)]
    # After a failure the poll does not wait, so that the recovery shows at once.
    assert ["wait" in dict(each.url.params) for each in made.seen] == [
        *(True, False, False, False, True, True),
    ]
    assert len(receiver.requests) == 1


def test_a_person_sends_the_newest_call_again_with_a_key(
    wakecall: Commands, canned: Canned, polls: Listen, receiver: Receiver
) -> None:
    terminal, keyboard = pty.openpty()
    before = termios.tcgetattr(keyboard)
    wakecall.keyboard = keyboard

    def press(_request: httpx2.Request) -> Any:
        os.write(terminal, b"?ro")
        receiver.wait_for(2)
        while not wakecall.opened:
            time.sleep(0.01)
        return (200, [])

    polls([call()], press)
    done = wakecall.person("listen", str(receiver.port))

    assert done.code == Exit.DONE
    assert [each.target for each in receiver.requests] == ["/paid?shop=1"] * 2
    assert len(completions(canned)) == 1
    assert wakecall.opened == [f"https://wakecall.test/console/runs/{RUN}"]
    assert termios.tcgetattr(keyboard) == before
    os.close(terminal)
    os.close(keyboard)


def test_a_keyboard_that_goes_away_ends_nothing(
    wakecall: Commands, polls: Listen, receiver: Receiver
) -> None:
    terminal, keyboard = pty.openpty()
    wakecall.keyboard = keyboard

    def hang_up_terminal(_request: httpx2.Request) -> Any:
        os.close(terminal)
        return (200, [call()])

    polls(hang_up_terminal)
    done = wakecall.person("listen", str(receiver.port))

    assert (done.code, len(receiver.requests)) == (Exit.DONE, 1)
    os.close(keyboard)


def test_what_no_repetition_mends_ends_the_command(
    wakecall: Commands, polls: Listen, receiver: Receiver
) -> None:
    problem = {"type": "/problems/not-found", "title": "Not found", "detail": "No such inbox."}
    polls((404, problem))

    done = wakecall.run("listen", str(receiver.port))

    assert (done.code, wakecall.slept) == (Exit.NOT_FOUND, [])


def test_a_completion_that_is_refused_is_told_of(
    wakecall: Commands, canned: Canned, polls: Listen, receiver: Receiver
) -> None:
    polls([call()])
    problem = {
        "type": "/problems/conflict",
        "title": "Conflict",
        "detail": "The run was cancelled.",
    }
    canned.answers["POST", f"/1/runs/{RUN}/complete"] = (409, problem)

    done = wakecall.run("listen", str(receiver.port))

    assert "not completed: The run was cancelled." in done.out


def test_an_inbox_is_made_or_made_to_answer_later(
    wakecall: Commands, canned: Canned, polls: Listen, receiver: Receiver
) -> None:
    polls()
    canned.answers["GET", "/1/inboxes"] = (200, [])
    canned.answers["POST", "/1/inboxes"] = (201, INBOX)
    wakecall.run("listen", str(receiver.port))
    made = [json.loads(each.content) for each in canned.requests if each.method == "POST"]
    assert made == [{"label": INBOX["label"], "answer": "202"}]
    canned.answers["GET", "/1/inboxes"] = (200, [{**INBOX, "answer": "204"}])
    canned.answers["PUT", f"/1/inboxes/{INBOX['id']}"] = (200, INBOX)

    wakecall.run("listen", str(receiver.port))

    assert [each.method for each in canned.requests].count("PUT") == 1


def test_an_inbox_of_one_s_own_keeps_its_answer(
    wakecall: Commands, canned: Canned, polls: Listen, receiver: Receiver
) -> None:
    polls([call(answer="204")])
    canned.answers["GET", f"/1/inboxes/{INBOX['id']}"] = (200, {**INBOX, "answer": "204"})

    done = wakecall.run("listen", str(receiver.port), "--inbox", str(INBOX["id"]))

    assert "answers 204 by itself" in done.err
    assert (len(receiver.requests), completions(canned)) == (1, [])


@pytest.mark.parametrize(
    "target",
    [
        *("http://", "http://a:0", "http://a?x=1", "http://[", "99999", "99999/hooks", "0/hooks"),
        *("http://3000", "http://3000/hooks", "http://0x7f", "https://example.3000", "http://a b"),
        *("ftp://localhost:3000", "localhost:x", "/hooks", "", "http://user@localhost:3000"),
    ],
)
def test_what_is_not_a_url_or_port_is_refused(
    wakecall: Commands, canned: Canned, target: str
) -> None:
    done = wakecall.run("listen", target)

    assert (done.code, canned.requests) == (Exit.USAGE, [])
    assert "is not a URL such as http://localhost:3000/hooks, or a port." in words(done.err)


@pytest.mark.parametrize("target", ["3000x", "example.com", "example.com:3000/x", "10.0.0.1:3000"])
def test_another_machine_is_called_only_by_a_whole_url(
    wakecall: Commands, canned: Canned, target: str
) -> None:
    done = wakecall.run("listen", target)

    assert (done.code, canned.requests) == (Exit.USAGE, [])
    assert "give the whole URL, with http:// or https://" in words(done.err)


@pytest.mark.parametrize(
    ("target", "base"),
    [
        ("3000", "http://localhost:3000"),
        ("3000/hooks/", "http://localhost:3000/hooks"),
        ("127.0.0.1:3000/x", "http://127.0.0.1:3000/x"),
        ("[::1]:3000", "http://[::1]:3000"),
        ("app.localhost:3000", "http://app.localhost:3000"),
        ("http://example.com/hooks", "http://example.com/hooks"),
        ("HTTPS://my_app:8443", "HTTPS://my_app:8443"),
    ],
)
def test_a_port_an_address_of_this_machine_and_a_url_are_taken(
    wakecall: Commands, polls: Listen, target: str, base: str
) -> None:
    polls()

    assert f"{INBOX['url']} -> {base}\n" in wakecall.run("listen", target).err


def words(text: str) -> str:
    """A message of click without the breaks between its lines."""
    return " ".join(text.split())


def test_a_time_limit_ends_the_feed(
    wakecall: Commands, canned: Canned, polls: Listen, receiver: Receiver
) -> None:
    """An agent or a script that waits for a call can tell how long."""
    seconds = iter(range(0, 1000, 20))
    wakecall.clock = lambda: NOW + timedelta(seconds=next(seconds))
    made = polls([], [])

    done = wakecall.run("listen", str(receiver.port), "--once", "--for", "1m")

    assert (done.code, done.out) == (Exit.REFUSED, "")
    assert "Ended after 0 calls." in done.err
    assert [dict(each.url.params)["wait"] for each in made.seen] == ["25", "20"]
    polls([call()])
    assert wakecall.run("listen", str(receiver.port), "--for", "45s").code == Exit.DONE
    assert completions(canned) == [{"status": "succeeded"}]
    assert wakecall.run("listen", "3000", "--for", "soon").code == Exit.USAGE
