"""Tests of the example receivers: each takes genuine calls and no others."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest

from app.domain import secret as secrets
from tests.clients.fault_server import FaultServer
from tests.receiver import PATIENCE
from wakecall import Webhook

EXAMPLES = Path(__file__).parents[2] / "clients" / "python" / "examples"
RUN = "01a20291-fd53-77b6-a6ff-09e31b448f7c"
BODY = b"Wake up!"
BYTES = b"\xff\x00\nlevel=error"
"""A payload that is not text, and whose end would be a line of its own in a log."""

OLD, NEW = (secrets.new_secret() for _ in range(2))

Post = Callable[[bytes, dict[str, str]], httpx2.Response]


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    """What receivers report their results to."""
    with FaultServer() as serving:
        yield serving


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, server: FaultServer) -> Callable[[str], ModuleType]:
    """Loads an example with the secrets of an account that is changing over."""
    monkeypatch.setenv("WAKECALL_SECRETS", f"{NEW} {OLD}")
    monkeypatch.setenv("WAKECALL_URL", f"http://127.0.0.1:{server.port}")

    def load_example(name: str) -> ModuleType:
        described = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        assert described is not None
        assert described.loader is not None
        module = importlib.util.module_from_spec(described)
        # Django finds the module of its paths by name.
        monkeypatch.setitem(sys.modules, name, module)
        described.loader.exec_module(module)
        return module

    return load_example


def of_wsgi(app: Any) -> Post:
    def post(body: bytes, headers: dict[str, str]) -> httpx2.Response:
        with httpx2.Client(transport=httpx2.WSGITransport(app)) as client:
            return client.post("http://localhost/wake", content=body, headers=headers)

    return post


def of_asgi(app: Any) -> Post:
    async def send(body: bytes, headers: dict[str, str]) -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as client:
            return await client.post("http://localhost/wake", content=body, headers=headers)

    return lambda body, headers: asyncio.run(send(body, headers))


def check(post: Post, accepted: int = 204) -> None:
    """A genuine call is taken, with either secret; any other one is refused."""
    for secret in (OLD, NEW):
        assert post(BODY, Webhook(secret).sign(BODY, id=RUN)).status_code == accepted
    assert post(BYTES, Webhook(NEW).sign(BYTES, id=RUN)).status_code == accepted
    assert post(b"Sleep on!", Webhook(NEW).sign(BODY, id=RUN)).status_code == 401
    assert post(BODY, Webhook(secrets.new_secret()).sign(BODY, id=RUN)).status_code == 401
    assert post(BODY, {}).status_code == 401


def test_flask(load: Callable[[str], ModuleType]) -> None:
    check(of_wsgi(load("flask_receiver").app))


def test_django(load: Callable[[str], ModuleType]) -> None:
    check(of_wsgi(load("django_receiver").app))


def test_starlette(load: Callable[[str], ModuleType]) -> None:
    check(of_asgi(load("starlette_receiver").app))


def test_fastapi_reports_the_result_later(
    load: Callable[[str], ModuleType], server: FaultServer
) -> None:
    app = load("fastapi_receiver").app
    server.begin([])
    headers = {**Webhook(NEW).sign(BODY, id=RUN), "Wakecall-Completion-Token": "token-1"}
    answer = of_asgi(app)(BODY, headers)
    assert (answer.status_code, answer.headers["wakecall-complete"]) == (202, "later; within=600")
    (request,) = server.report()["requests"]
    assert request["target"] == f"/1/runs/{RUN}/complete"
    assert request["authorization"] == "Bearer token-1"
    assert of_asgi(app)(b"Sleep on!", headers).status_code == 401
    binary = {**Webhook(NEW).sign(BYTES, id=RUN), "Wakecall-Completion-Token": "token-1"}
    assert of_asgi(app)(BYTES, binary).status_code == 202
    assert len(server.report()["requests"]) == 2


def status_of(port: int, length: str) -> int:
    """The status of the answer to a request whose body has this length, as it says."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as link:
        link.sendall(f"POST /wake HTTP/1.1\r\nContent-Length: {length}\r\n\r\nx".encode())
        return int(link.makefile("rb").readline().split()[1])


def test_http_server(load: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]) -> None:
    listening = ThreadingHTTPServer(("127.0.0.1", 0), load("http_server_receiver").Receiver)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{listening.server_port}/wake"
    try:
        check(lambda body, headers: httpx2.post(url, content=body, headers=headers))
        assert httpx2.post(url, content=b"x" * 70_000).status_code == 413
        for length in ("-1", "1e3", "9" * 5000):
            assert status_of(listening.server_port, length) == 413
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
    printed = capsys.readouterr().out
    assert f"run {RUN}, attempt None: b'Wake up!'" in printed
    assert "\nlevel=error" not in printed


def test_every_example_is_tested() -> None:
    tested = {"flask", "django", "starlette", "fastapi", "http_server"}
    assert {path.stem.removesuffix("_receiver") for path in EXAMPLES.glob("*.py")} == tested
