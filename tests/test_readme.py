"""The receiver in README does what README promises."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from http.server import HTTPServer
from pathlib import Path
from uuid import UUID

import pytest

from app.delivery.request import Delivery, build
from app.domain import secret as secrets

README = Path(__file__).parent.parent / "README.md"


@pytest.fixture
def receiver(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[tuple[int, str]]:
    """README's receiver, on a free port; the port, and the secret it knows.

    It prints a call after it has answered it, so that `capsys` must outlive it.
    """
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    secret = secrets.new_secret()
    made: list[HTTPServer] = []

    def keep(server: HTTPServer) -> None:
        made.append(server)

    with monkeypatch.context() as patched:
        patched.setenv("SECRET", secret)
        patched.setattr(HTTPServer, "serve_forever", keep)
        exec(compile(blocks[0].replace("9000", "0"), "README.md", "exec"), {})
    thread = threading.Thread(target=made[0].serve_forever)
    thread.start()
    yield made[0].server_port, secret
    made[0].shutdown()
    thread.join()
    made[0].server_close()
    capsys.readouterr()


def test_the_receiver_of_the_readme_takes_genuine_calls_and_no_others(
    receiver: tuple[int, str], capsys: pytest.CaptureFixture[str]
) -> None:
    port, secret = receiver
    delivery = Delivery(
        run_id=UUID(int=7),
        job_id=UUID(int=8),
        url=f"http://127.0.0.1:{port}/wake",
        content_type="text/plain",
        signature=None,
        data=b"Wake up!",
        due_at=datetime.now(UTC),
        attempt=1,
    )
    now = int(time.time())

    def answer(body: bytes, headers: Iterable[str]) -> int:
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("POST", "/wake", body, dict(line.split(": ", 1) for line in headers))
        status = connection.getresponse().status
        connection.close()
        return status

    genuine = build(delivery, [secrets.new_secret(), secret], now)
    old, early = (build(delivery, [secret], now + off) for off in (-3600, 3600))
    foreign = build(delivery, [secrets.new_secret()], now)

    assert answer(genuine.body, genuine.headers) == 204
    assert answer(b"Sleep on!", genuine.headers) == 401
    assert answer(old.body, old.headers) == 401
    assert answer(early.body, early.headers) == 401
    assert answer(foreign.body, foreign.headers) == 401
    assert answer(b"", []) == 401
    # One call after the other: the lines of all but the last are there by now.
    assert capsys.readouterr().out.splitlines()[0] == f"{delivery.run_id} b'Wake up!' True"
