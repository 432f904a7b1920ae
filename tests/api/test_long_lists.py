"""Long lists: sent in constant memory, without delaying others if clients read slowly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.api.server import Web, ask, request

COUNT = 200_000
LENGTHS = {
    "text/plain": 37 * COUNT - 1,
    "application/json": 39 * COUNT + 1,
    "text/xml": 48 * COUNT + 14,
}


@pytest.fixture(scope="module", autouse=True)
def many(web_environ: dict[str, str], web_key: str) -> None:
    """A great many jobs of the account, without due rows, which a list does not need."""
    assert web_key
    with psycopg.connect(web_environ["DATABASE_URL"]) as connection:
        connection.execute(
            "INSERT INTO job (id, account_id, version, url, trigger, enabled) "
            "SELECT gen_random_uuid(), account.id, 1, 'http://127.0.0.1/', "
            """'{"kind": "at", "instant": "2099-01-01T00:00:00Z"}', true """
            "FROM account, generate_series(1, %s)",
            (COUNT,),
        )


def peak_of(process: int) -> int:
    """The most memory the process ever had, in KiB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def test_a_long_list_has_its_length_and_takes_no_memory(web: Web, web_key: str) -> None:
    (process,) = web.workers()
    assert ask(web, request("GET", "/1/jobs/x", X_API_Key=web_key)).status == 404
    before = peak_of(process)
    for accept, length in LENGTHS.items():
        for method in ("HEAD", "GET"):
            reply = ask(web, request(method, "/1/jobs", X_API_Key=web_key, Accept=accept))
            assert int(reply.headers["content-length"]) == length
            assert len(reply.body) == (0 if method == "HEAD" else length)
    # The ids alone would take more than 40,000 KiB as objects.
    assert peak_of(process) - before < 20_000


def test_a_slow_reader_of_a_long_list_delays_no_other_request(web: Web, web_key: str) -> None:
    sent = request("GET", "/1/jobs", X_API_Key=web_key)
    body = b'{"url": "http://127.0.0.1/", "when": "2099-05-11T15:30:00Z"}'
    post = request("POST", "/1/jobs", body, X_API_Key=web_key, Content_Type="application/json")
    with ExitStack() as slow:
        for _ in range(10):
            connection = slow.enter_context(web.connect())
            connection.sendall(sent)
            # Its head is here as soon as the list is made; nothing is read further.
            assert connection.recv(12) == b"HTTP/1.1 200"
        for _ in range(3):
            assert ask(web, post).status == 201


def test_many_long_lists_at_once_leave_room_for_others(web: Web, web_key: str) -> None:
    sent = request("GET", "/1/jobs", X_API_Key=web_key)
    with ThreadPoolExecutor(10) as clients:
        asked = [clients.submit(ask, web, sent) for _ in range(10)]
        assert ask(web, request("GET", "/1/secrets", X_API_Key=web_key)).status == 200
        replies = [each.result() for each in asked]
    # 503: another list is being made. 429: the request has waited for its turn for too long.
    assert {200} <= {reply.status for reply in replies} <= {200, 429, 503}
    for reply in replies:
        if reply.status == 200:
            assert len(reply.body) >= LENGTHS["text/plain"]
        else:
            assert reply.headers["retry-after"] == "1"
