"""The mailer sends what is in the outbox through a real SMTP server, once, and gives up in time."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask

from app import people_commands
from app.api.context import context_of
from app.domain.user import LinkPurpose
from app.service import invitations, mail, user_links
from app.smtp import send
from tests.api.conftest import environ, make_app
from tests.console.people import add_user, browser_of, post
from tests.factories import connect, in_thread, one, wait_until_blocked
from workers.mailer import MAX_ATTEMPTS, Mailer, mailing

__all__ = ["environ", "make_app"]
EMAIL = "ada@example.com"


class SmtpServer(socketserver.ThreadingTCPServer):
    """Takes mail on loopback, or refuses the recipients that it is told to refuse."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Dialogue)
        self.taken: list[str] = []
        self.recipients: list[str] = []
        self.refusal = b""
        self.goodbye = b"221 bye\r\n"

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"


class _Dialogue(socketserver.StreamRequestHandler):
    """The server's side of RFC 5321."""

    def handle(self) -> None:
        server = self.server
        assert isinstance(server, SmtpServer)
        self.wfile.write(b"220 test\r\n")
        while line := self.rfile.readline():
            match line[:4].upper().strip():
                case b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    text = b""
                    while (part := self.rfile.readline()) != b".\r\n":
                        text += part
                    server.taken.append(text.decode())
                    self.wfile.write(b"250 taken\r\n")
                case b"RCPT" if server.refusal:
                    self.wfile.write(server.refusal)
                case b"RCPT":
                    server.recipients.append(line.decode().partition(":")[2].strip())
                    self.wfile.write(b"250 yes\r\n")
                case b"QUIT":
                    self.wfile.write(server.goodbye)
                    return
                case _:
                    self.wfile.write(b"250 yes\r\n")


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def app(make_app: Callable[..., Flask], server: SmtpServer) -> Flask:
    return make_app(
        WAKECALL_SMTP_URL=server.url,
        WAKECALL_MAIL_FROM="wakecall@example.com",
        WAKECALL_PUBLIC_URL="https://wakecall.example.com",
        WAKECALL_SIGNUP="open",
    )


@pytest.fixture
def mailer(app: Flask) -> Iterator[Mailer]:
    made = mailing(context_of(app).settings)
    assert made is not None
    yield made
    made.close()


def state(database: str) -> Any:
    """Of the only mail: whether it is sent, waits, has its text; how often it was tried."""
    with connect(database) as connection:
        return connection.execute(
            "SELECT sent_at IS NOT NULL, next_at IS NOT NULL, sealed IS NOT NULL, attempts,"
            " coalesce(error, '') FROM outbox"
        ).fetchone()


def test_an_invitation_is_mailed_once_and_its_link_works(
    app: Flask, mailer: Mailer, server: SmtpServer, database: str
) -> None:
    made = invitations.create(context_of(app), email=EMAIL)
    assert server.taken == []
    assert made.link.rpartition("/")[2] not in str(stored(database))
    mailer.run_once()
    mailer.run_once()

    (text,) = server.taken
    assert f"To: {EMAIL}" in text
    assert made.link in text.replace("=\r\n", "").replace("=3D", "=")
    assert made.link.startswith("https://wakecall.example.com/console/join/")
    assert state(database) == (True, False, False, 1, "")


def stored(database: str) -> list[Any]:
    with connect(database) as connection:
        return connection.execute("SELECT outbox::text FROM outbox").fetchall()


@pytest.mark.parametrize(("path", "mailed"), [("forgot", 1), ("sign-up", 2)])
def test_the_answer_to_an_unknown_address_and_what_is_stored_are_the_same(
    app: Flask, mailer: Mailer, server: SmtpServer, database: str, path: str, mailed: int
) -> None:
    add_user(app, EMAIL, "demo")
    answers = [
        post(browser_of(app), f"/console/{path}", {"email": each}, page=f"/console/{path}")
        for each in (EMAIL, "nobody@example.com")
    ]
    texts = [each.text.split("<main")[1].split("</main")[0] for each in answers]
    assert texts[0] == texts[1]
    with connect(database) as connection:
        assert one(connection, "SELECT count(*) FROM outbox") == 2
        assert one(connection, "SELECT count(*) FROM user_link") == 0
        assert one(connection, "SELECT count(*) FROM invitation") == 0
    mailer.run_once()
    assert len(server.taken) == mailed


def test_the_link_in_the_mail_chooses_another_password(
    app: Flask, mailer: Mailer, server: SmtpServer
) -> None:
    add_user(app, EMAIL, "demo")
    post(browser_of(app), "/console/forgot", {"email": EMAIL}, page="/console/forgot")
    mailer.run_once()
    found = re.search(r"/console/reset/([\w-]{43})", server.taken[0].replace("=\r\n", ""))
    assert found is not None
    assert user_links.find(context_of(app), found[1], LinkPurpose.RESET).email == EMAIL


def test_mail_that_cannot_be_sent_is_tried_again_and_given_up_in_the_end(
    app: Flask, mailer: Mailer, server: SmtpServer, database: str
) -> None:
    server.refusal = b"451 later\r\n"
    invitations.create(context_of(app), email=EMAIL)
    mailer.run_once()
    mailer.run_once()
    sent, waits, has_text, attempts, error = state(database)
    assert (sent, waits, has_text, attempts) == (False, True, True, 1)
    assert "451" in error

    with connect(database) as connection:
        connection.execute(
            "UPDATE outbox SET next_at = clock_timestamp(), attempts = %s", [MAX_ATTEMPTS - 1]
        )
    mailer.run_once()
    assert state(database)[:4] == (False, False, False, MAX_ATTEMPTS)


@pytest.mark.parametrize("goodbye", [b"451 busy\r\n", b"bye\r\n", b""])
def test_mail_that_was_taken_is_not_sent_again_for_want_of_a_goodbye(
    app: Flask, mailer: Mailer, server: SmtpServer, database: str, goodbye: bytes
) -> None:
    server.goodbye = goodbye
    invitations.create(context_of(app), email=EMAIL)
    mailer.run_once()
    assert len(server.taken) == 1
    assert state(database) == (True, False, False, 1, "")


def test_mail_that_is_refused_for_good_is_not_tried_again(
    app: Flask, mailer: Mailer, server: SmtpServer, database: str
) -> None:
    server.refusal = b"550 nobody here\r\n"
    invitations.create(context_of(app), email=EMAIL)
    mailer.run_once()
    assert state(database)[:4] == (False, False, False, 1)
    (shown,) = mail.list_newest(context_of(app))
    assert shown.error is not None
    assert "550" in shown.error


def test_the_operator_tests_the_settings(app: Flask, server: SmtpServer) -> None:
    runner = app.test_cli_runner()
    assert "Sent to" in runner.invoke(people_commands.outbox, ["test", EMAIL]).output
    assert len(server.taken) == 1
    server.refusal = b"550 no\r\n"
    failed = runner.invoke(people_commands.outbox, ["test", EMAIL])
    assert failed.exit_code == 1


@pytest.mark.parametrize("odd", ["=?utf-8?b?!!?=@x.example", "=?utf-8?q?a=0d=0ab=3a?=@x.example"])
def test_a_mail_that_cannot_be_written_holds_up_no_other(
    app: Flask, mailer: Mailer, server: SmtpServer, database: str, odd: str
) -> None:
    context = context_of(app)
    with context.database.transaction() as connection:
        mail.request(context, connection, odd, mail.Kind.SIGN_UP)
    invitations.create(context, email=EMAIL)
    mailer.run_once()
    assert server.recipients == [f"<{EMAIL}>"]
    with connect(database) as connection:
        waiting = "SELECT count(*) FROM outbox WHERE next_at IS NOT NULL"
        assert one(connection, waiting) == 0
        told = one(connection, "SELECT error FROM outbox WHERE sent_at IS NULL")
    assert "cannot be written" in told


def test_a_mail_goes_to_its_recipient_alone(app: Flask, server: SmtpServer) -> None:
    smtp = context_of(app).settings.smtp
    assert smtp is not None
    send(smtp, "=?utf-8?q?victim=40x.example=2c_b?=@y.example", "S", "T")
    assert server.recipients == ["<=?utf-8?q?victim=40x.example=2c_b?=@y.example>"]


def test_one_address_gets_few_mails_in_an_hour(app: Flask, database: str) -> None:
    context = context_of(app)
    for _ in range(mail.MAX_ASKED + 2):
        user_links.request_reset(context, EMAIL)
    user_links.request_reset(context, "other@example.com")
    with connect(database) as connection:
        assert one(connection, "SELECT count(*) FROM outbox") == mail.MAX_ASKED + 1
        connection.execute("UPDATE outbox SET created_at = created_at - interval '1 hour'")
        user_links.request_reset(context, EMAIL)
        assert one(connection, "SELECT count(*) FROM outbox") == mail.MAX_ASKED + 2


def test_requests_at_once_send_one_address_no_more_mails(app: Flask, database: str) -> None:
    context = context_of(app)
    with ExitStack() as stack:
        connection = stack.enter_context(connect(database))
        with context.database.transaction() as first:
            for _ in range(mail.MAX_ASKED):
                mail.request(context, first, EMAIL, mail.Kind.RESET)
            finish = stack.enter_context(
                in_thread(lambda: user_links.request_reset(context, EMAIL))
            )
            wait_until_blocked(connection)
        finish()
        assert one(connection, "SELECT count(*) FROM outbox") == mail.MAX_ASKED
