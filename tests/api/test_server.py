"""The real web server on a real socket, with raw bytes."""

from __future__ import annotations

import json
import socket

import pytest

from tests.api.server import Reply, Web, ask, is_closed, read_reply, request

ONCE = b'{"url": "http://127.0.0.1/", "when": "2099-05-11T15:30:00Z"}'
BY_PATH = "/1/jobs/2099-05-11T15%3A30%3A00Z/http%3A%2F%2F127.0.0.1%2Fwake"


def post(web: Web, key: str, path: str, body: bytes, **headers: str) -> Reply:
    return ask(
        web, request("POST", path, body, X_API_Key=key, Accept="application/json", **headers)
    )


def ids(web: Web, key: str) -> list[str]:
    listed: list[str] = ask(
        web, request("GET", "/1/jobs", X_API_Key=key, Accept="application/json")
    ).json()
    return listed


def alive(web: Web) -> bool:
    return ask(web, request("GET", "/healthz"), patience_s=5).status == 200


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", {400}),
        (b"GET /1/jobs\r\n\r\n", {400}),
        (b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
        (b'GET /a"<b> HTTP/1.1\r\nHost: x\r\n\r\n', {400}),
        (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", {400, 505}),
        (b"G(T / HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", {400}),
        (b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", {400}),
        (b"GET / HTTP/1.1\r\nA: b\0c\r\n\r\n", {400}),
        (b"POST /1/jobs HTTP/1.1\r\nContent-Length: x\r\n\r\n", {400}),
        (b"POST /1/jobs HTTP/1.1\r\nContent-Length: -1\r\n\r\n", {400}),
        (b"POST /1/jobs HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", {400}),
        (b"POST /1/jobs HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", {400}),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 200 + b"\r\n", {431}),
        (b"GET / HTTP/1.1\r\nHost: x\r\na: " + b"x" * 2_000_000 + b"\r\n\r\n", {431}),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {414, 431}),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {414}),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", {404}),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", {404, 405}),
        (b"TRACE /1/jobs HTTP/1.1\r\nHost: x\r\n\r\n", {405}),
        (b"get /healthz HTTP/1.1\r\nHost: x\r\n\r\n", {200, 405}),
        (b"GET /healthz HTTP/1.1\r\n\r\n", {200, 400}),
        (b"GET http://elsewhere/healthz HTTP/1.1\r\nHost: x\r\n\r\n", {200}),
        (b"GET /1/jobs HTTP/1.1\r\nHost: a b\r\n\r\n", {400}),
        (b"GET /1/jobs HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", {400}),
        (b"GET http://a/1/jobs HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", {400}),
        (b"GET /1/jobs HTTP/1.1\r\n\r\n", {400}),
        (b"GET /1/jobs HTTP/1.1\r\nHost:\r\n\r\n", {400}),
        (b"GET /1/jobs HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n", {401}),
        (b"GET /1/jobs HTTP/1.0\r\n\r\n", {401}),
        (b"GET /1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: \xe9\xff\r\n\r\n", {401}),
    ],
)
def test_nothing_sent_gives_html_or_a_server_error(
    web: Web, sent: bytes, statuses: set[int]
) -> None:
    with web.connect() as connection:
        try:
            connection.sendall(sent)
        except ConnectionError:
            assert statuses == {431}
        reply = read_reply(connection)
    assert reply.status in statuses
    assert "html" not in reply.headers.get("content-type", "")
    assert b"<" not in reply.body
    assert alive(web)


def test_a_connection_stays_usable_through_errors(web: Web, web_key: str) -> None:
    with web.connect() as connection:
        for sent, status in (
            (request("GET", "/nowhere"), 404),
            (request("POST", "/1/jobs", b"x" * 1000, X_API_Key=web_key), 415),
            (
                request(
                    "POST", "/1/jobs", b"{", X_API_Key=web_key, Content_Type="application/json"
                ),
                400,
            ),
            (request("POST", BY_PATH, b"x" * 3000, X_API_Key=web_key), 413),
            (request("POST", "/1/jobs", b"x" * 100_000, X_API_Key=web_key), 415),
            (request("PATCH", "/1/jobs", b"x" * 100), 405),
            (request("HEAD", "/1/jobs", X_API_Key=web_key), 200),
            (
                request(
                    "DELETE", "/1/jobs/03ba07bc-0c8b-4a82-9a47-c65e7a8d24af", X_API_Key=web_key
                ),
                404,
            ),
            (request("OPTIONS", "/1/jobs"), 204),
            (request("GET", "/healthz"), 200),
        ):
            connection.sendall(sent)
            reply = read_reply(connection, head_only=sent.startswith(b"HEAD"))
            assert reply.status == status, sent[:60]
        assert not is_closed(connection)


def test_a_body_in_chunks_is_a_body(web: Web, web_key: str) -> None:
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (ONCE[:7], ONCE[7:]))
    reply = post(
        web,
        web_key,
        "/1/jobs",
        chunked + b"0\r\n\r\n",
        Transfer_Encoding="chunked",
        Content_Type="application/json",
    )
    assert reply.status == 201
    payload = b"5;x=y\r\n\0\xff{}\n\r\n0\r\nTrailer: x\r\n\r\n"
    reply = post(web, web_key, BY_PATH, payload, Transfer_Encoding="chunked", Content_Type="a/b")
    assert (reply.status, reply.json()["data"]) == (201, "AP97fQo=")


@pytest.mark.parametrize(
    "sent",
    [
        request("POST", BY_PATH, b"3\r\nabc\r\nzz\r\n", Transfer_Encoding="chunked"),
        request("POST", BY_PATH, b"3\r\nabcdef\r\n0\r\n\r\n", Transfer_Encoding="chunked"),
        request("POST", BY_PATH, b"3\r\nabc\r\n", Transfer_Encoding="chunked"),
        request("POST", BY_PATH, b"abc", Content_Length="10"),
    ],
)
def test_a_body_that_breaks_off_books_nothing(web: Web, web_key: str, sent: bytes) -> None:
    before = ids(web, web_key)
    with web.connect() as connection:
        connection.sendall(sent.replace(b"Host:", b"X-API-Key: %b\r\nHost:" % web_key.encode()))
        connection.shutdown(socket.SHUT_WR)
        reply = read_reply(connection)
    assert reply.status == 400
    assert reply.json()["detail"] == "The body ended before it was complete."
    assert ids(web, web_key) == before


def test_long_bodies_are_taken_by_one_route(web: Web, web_key: str) -> None:
    before = len(ids(web, web_key))
    body = (b"[" + b",".join([ONCE] * 1000) + b"]").ljust(4 * 1024 * 1024)
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    for reply in (
        post(web, web_key, "/1/jobs/bulk", body, Content_Type="application/json"),
        post(
            web,
            web_key,
            "/1/jobs/bulk",
            chunked,
            Transfer_Encoding="chunked",
            Content_Type="application/json",
        ),
    ):
        assert reply.status == 201, reply.body
        assert len(reply.json()) == 1000
    assert len(ids(web, web_key)) == before + 2000
    long = post(web, web_key, "/1/jobs/bulk", body + b" ", Content_Type="application/json")
    assert (long.status, long.json()["type"]) == (413, "/problems/too-large")
    named = {"X_API_Key": web_key, "Content_Type": "application/json"}
    cut = request("POST", "/1/jobs/bulk", body[:-1], Content_Length=str(len(body)), **named)
    with web.connect() as connection:
        connection.sendall(cut)
        connection.shutdown(socket.SHUT_WR)
        assert read_reply(connection).json()["detail"].startswith("The body ended before")
    assert len(ids(web, web_key)) == before + 2000


@pytest.mark.parametrize("size", [65_537, 200_000, 5_000_000])
def test_a_body_too_long_is_refused_with_and_without_a_length(
    web: Web, web_key: str, size: int
) -> None:
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (size, b" " * size)
    for reply in (
        post(web, web_key, "/1/jobs", b" " * size, Content_Type="application/json"),
        post(
            web,
            web_key,
            "/1/jobs",
            chunked,
            Transfer_Encoding="chunked",
            Content_Type="application/json",
        ),
        post(web, web_key, BY_PATH, b" " * size),
        post(web, web_key, BY_PATH, chunked, Transfer_Encoding="chunked"),
    ):
        assert reply.status == 413
        assert reply.json()["type"] == "/problems/too-large"


def test_an_endless_body_is_cut_off(web: Web, web_key: str) -> None:
    head = request("POST", "/1/jobs", b"", X_API_Key=web_key, Transfer_Encoding="chunked")
    sent = 0
    with web.connect() as connection:
        connection.sendall(head)
        try:
            while sent < 200_000_000:
                connection.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
                sent += 65_536
        except (ConnectionError, TimeoutError):
            pass
    assert sent < 100_000_000
    assert alive(web)


def test_a_client_that_expects_100_is_answered_before_it_sends_the_body(
    web: Web, web_key: str
) -> None:
    named = {"X_API_Key": web_key, "Content_Type": "application/json", "Expect": "100-continue"}
    with web.connect() as connection:
        connection.sendall(request("POST", "/1/jobs", None, Content_Length=str(len(ONCE)), **named))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(ONCE)
        assert read_reply(connection).status == 201
    refused = ask(web, request("POST", "/1/jobs", None, Content_Length="70000", **named))
    assert refused.status == 413


def test_slow_bodies_end_in_408_and_delay_no_other_client(web: Web, web_key: str) -> None:
    slow = [web.connect() for _ in range(60)]
    named = {"X_API_Key": web_key, "Content_Type": "application/json", "Content_Length": "100"}
    for connection in slow:
        connection.sendall(request("POST", "/1/jobs", None, **named) + b"{")
    assert post(web, web_key, "/1/jobs", ONCE, Content_Type="application/json").status == 201
    for connection in slow:
        connection.settimeout(0)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        connection.settimeout(30)
    replies = [(read_reply(connection).status, is_closed(connection)) for connection in slow]
    assert set(replies) == {(408, True)}
    for connection in slow:
        connection.close()


def test_slow_request_heads_delay_no_other_client(web: Web) -> None:
    slow = [web.connect() for _ in range(60)]
    for connection in slow:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
    assert alive(web)
    for connection in slow:
        connection.close()


def test_head_has_the_headers_of_get(web: Web, web_key: str) -> None:
    for accept in ("text/plain", "application/json", "text/xml"):
        got, head = (
            ask(web, request(method, "/1/jobs", X_API_Key=web_key, Accept=accept))
            for method in ("GET", "HEAD")
        )
        assert (got.status, head.status, head.body) == (200, 200, b"")
        for name in ("content-length", "content-type", "vary"):
            assert got.headers[name] == head.headers[name]


@pytest.mark.parametrize(
    ("path", "member", "value"),
    [
        ("0+0%2F15+*+*+*+%3F/http%3A%2F%2F127.0.0.1", "cron", "0 0/15 * * * ?"),
        ("0+0%2f15+*+*+*+%3f/http%3a%2f%2f127.0.0.1", "cron", "0 0/15 * * * ?"),
        ("0%200/15%20*%20*%20*%20%3F/http://127.0.0.1", "cron", "0 0/15 * * * ?"),
        (
            "2099-05-11T17:30:00+02:00/http%3A%2F%2F127.0.0.1%2Fa%2520b%3Fx%3D%2526",
            "url",
            "http://127.0.0.1/a%20b?x=%26",
        ),
        (
            "2099-05-11T17%3A30%3A00%2B02%3A00/http%3A%2F%2F127.0.0.1",
            "when",
            "2099-05-11T15:30:00Z",
        ),
        (
            "2099-05-11T15:30Z/http%3A%2F%2F127.0.0.1%2F%3Fa?dryRun=false",
            "url",
            "http://127.0.0.1/?a",
        ),
        ("2099-05-11T15:30Z/http%3A%2F%2F127.0.0.1%2F%2523a%23b", "url", "http://127.0.0.1/%23a#b"),
        (
            "2099-05-11T15:30Z/"
            + "".join(f"%{byte:02x}" for byte in b"http://127.0.0.1/".ljust(2048, b"x")),
            "url",
            "http://127.0.0.1/".ljust(2048, "x"),
        ),
    ],
)
def test_path_forms_through_the_real_server(
    web: Web, web_key: str, path: str, member: str, value: str
) -> None:
    reply = post(
        web, web_key, f"/1/jobs/{path}", bytes(range(256)), Content_Type="multipart/form-data"
    )
    assert reply.status == 201, reply.body
    assert reply.json()[member] == value
    assert reply.json()["contentType"] == "multipart/form-data"


@pytest.mark.parametrize("escape", ["%00", "%FF", "%0D%0A", "%zz", "%"])
def test_odd_escapes_are_refused_not_mistaken(web: Web, web_key: str, escape: str) -> None:
    reply = post(web, web_key, f"{BY_PATH}{escape}", b"")
    assert reply.status == 400
    assert json.loads(reply.body)["member"] in {"url", "path"}


def test_a_field_written_with_underscores_is_no_credential(web: Web, web_key: str) -> None:
    sent = b"GET /1/jobs HTTP/1.1\r\nHost: x\r\nX_API_Key: %b\r\n\r\n" % web_key.encode()
    assert ask(web, sent).status == 401


@pytest.mark.parametrize("protocol", ["websocket", "h2c", "WebSocket, h2c"])
def test_an_offer_of_another_protocol_is_passed_over(web: Web, web_key: str, protocol: str) -> None:
    offer = {"Connection": "Upgrade", "Upgrade": protocol, "X_API_Key": web_key}
    plain = {"X_API_Key": web_key}
    for method, path, body in (
        ("GET", "/healthz", b""),
        ("GET", "/1/jobs?limit=1", b""),
        ("POST", "/1/preview", b'{"cron": "0 15 10 ? * *", "after": "2030-01-01T00:00Z"}'),
        ("GET", "/v1.0/healthz", b""),
        ("GET", "/api/jobs", b""),
        ("GET", "/nowhere", b""),
    ):
        form = {"Content_Type": "application/json"} if body else {}
        with_offer = ask(web, request(method, path, body, **offer, **form))
        without = ask(web, request(method, path, body, **plain, **form))
        assert (with_offer.status, with_offer.body) == (without.status, without.body)
        assert without.status in ({404} if path == "/nowhere" else {200, 204})
