"""Path forms behind proxies: one that passes the target on, and some that decode it."""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote, quote_plus, unquote_to_bytes

import pytest

from tests.api.server import Web, read_reply, request

Rewrite = Callable[[bytes], bytes]

NESTED = "https://example.com/cb?next=http://127.0.0.1/x&y=1+2"
ESCAPES = "http://127.0.0.1/a%20b/%2F%25?x=%26&y=%23"


def as_it_came(path: bytes) -> bytes:
    return path


def decoded(path: bytes) -> bytes:
    """As nginx does when proxy_pass has a URI and slashes are kept."""
    return _escaped(unquote_to_bytes(path))


def decoded_and_merged(path: bytes) -> bytes:
    """As nginx does by default when proxy_pass has a URI."""
    return _escaped(re.sub(rb"/+", b"/", unquote_to_bytes(path)))


def _escaped(path: bytes) -> bytes:
    return re.sub(rb'[\x00-\x20"#%?\x7f-\xff]', lambda found: b"%%%02X" % found[0][0], path)


@contextmanager
def proxy(web: Web, rewrite: Rewrite) -> Iterator[int]:
    """A proxy before the server that rewrites the path of every request; its port."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            method, target, version = self.rfile.readline().split()
            path, mark, query = target.partition(b"?")
            head = [method + b" " + rewrite(path) + mark + query + b" " + version + b"\r\n"]
            while (line := self.rfile.readline()) != b"\r\n":
                head.append(line)
            length = int(re.search(rb"Content-Length: (\d+)", b"".join(head))[1])  # type: ignore[index] # the tests send one
            with web.connect() as server:
                server.sendall(b"".join(head) + b"Connection: close\r\n\r\n")
                server.sendall(self.rfile.read(length))
                while part := server.recv(65_536):
                    self.wfile.write(part)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize("rewrite", [as_it_came, decoded, decoded_and_merged])
def test_path_forms_mean_the_same_behind_every_proxy(
    web: Web, web_key: str, rewrite: Rewrite
) -> None:
    payload = bytes(range(256))
    with proxy(web, rewrite) as port:
        for encode in (quote, quote_plus):
            for callback in ("https://example.com", NESTED, ESCAPES):
                for time, member, value in (
                    ("2099-05-11T17:30:00+02:00", "when", "2099-05-11T15:30:00Z"),
                    ("0 0/15 8-18 ? * MON-FRI", "cron", "0 0/15 8-18 ? * MON-FRI"),
                    ("0 0 12 ? * MON#5", "cron", "0 0 12 ? * MON#5"),
                ):
                    path = (
                        f"/1/jobs/{encode(time, safe='')}/{encode(callback, safe='')}?dryRun=false"
                    )
                    sent = request(
                        "POST", path, payload, X_API_Key=web_key, Accept="application/json"
                    )
                    with socket.create_connection(("127.0.0.1", port), 30) as connection:
                        connection.sendall(sent)
                        reply = read_reply(connection)
                    assert reply.status == 201, reply.body
                    job = reply.json()
                    assert (job["url"], job[member]) == (callback, value)
                    assert job["dataEncoding"] == "base64"
