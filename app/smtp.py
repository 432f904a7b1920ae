"""SMTP: sends one mail through the server in WAKECALL_SMTP_URL; used by no web process."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import closing, suppress
from dataclasses import dataclass
from email.errors import InvalidHeaderDefect, MessageError
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote, urlsplit

from app.errors import Misconfigured

TIMEOUT_S: Final = 10.0
_PORTS: Final = {"smtp": 25, "smtps": 465}
_FORM: Final = "smtp://USER:PASSWORD@HOST:PORT, or smtps:// for TLS from the beginning"

_UNWRITABLE: Final = (ValueError, LookupError, AttributeError, MessageError)
"""What the standard library raises for a header that cannot be written."""


class Unwritable(Exception):
    """A mail that cannot be written as RFC 5322 has it, so that no server would take it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SmtpServer:
    """A mail server, and whom mail is from."""

    host: str
    port: int
    tls: bool
    """Whether the connection begins with TLS; otherwise TLS is used if the server offers it."""
    user: str | None
    password: str
    sender: str

    @property
    def must_be_secure(self) -> bool:
        """Whether mail is sent over TLS or not at all: a password is never sent in the open."""
        return self.user is not None and not _is_loopback(self.host)


def read_server(url: str, sender: str) -> SmtpServer | None:
    """Return the server of these two settings, None without both; raises Misconfigured.

    No message quotes text that may be a part of the password.
    """
    if not url and not sender:
        return None
    if not url or not sender:
        raise Misconfigured("Set both WAKECALL_SMTP_URL and WAKECALL_MAIL_FROM, or neither.")
    if "@" not in sender or not sender.isprintable() or not _is_mailbox(sender):
        raise Misconfigured(f"WAKECALL_MAIL_FROM must be one e-mail address, not {sender!r}.")
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError:
        raise Misconfigured(f"WAKECALL_SMTP_URL cannot be read; use {_FORM}.") from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in {"", "/"}:
        raise Misconfigured(f"WAKECALL_SMTP_URL cannot be read; use {_FORM}.")
    user = None if parts.username is None else unquote(parts.username)
    password = unquote(parts.password or "")
    if not f"{user or ''}{password}".isascii():
        raise Misconfigured(
            "WAKECALL_SMTP_URL has a user or a password with more than ASCII, with which no log-in "
            "is possible; give the mail server others."
        )
    return SmtpServer(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        tls=parts.scheme == "smtps",
        user=user,
        password=password,
        sender=sender,
    )


def send(server: SmtpServer, recipient: str, subject: str, text: str) -> None:
    """Send a mail; raises OSError, or SMTPException, which is one too, and Unwritable."""
    message = _compose(server, recipient, subject, text)
    with closing(_connect(server)) as connection:
        if server.user is not None:
            connection.login(server.user, server.password)
        # The recipient is given, because reading it from the header may find another one.
        connection.send_message(message, to_addrs=[recipient])
        # The server has the mail. If it does not answer this with 221, the mail is not sent again.
        with suppress(OSError):
            connection.quit()


def _is_mailbox(text: str) -> bool:
    """Whether mail can be from this: with another sender each mail would be given up for good."""
    message = EmailMessage()
    try:
        message["From"] = text
        (address,) = message["From"].addresses
    except _UNWRITABLE:
        return False
    broken = any(isinstance(each, InvalidHeaderDefect) for each in message["From"].defects)
    return bool(address.username and address.domain and not broken)


def _compose(server: SmtpServer, recipient: str, subject: str, text: str) -> EmailMessage:
    try:
        return _message(server, recipient, subject, text)
    except _UNWRITABLE as error:
        raise Unwritable(f"The mail cannot be written: {error}") from error


def _message(server: SmtpServer, recipient: str, subject: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = server.sender
    message["To"] = recipient
    message["Subject"] = subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain="wakecall.invalid")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    # Some headers that cannot be written are found only now.
    message.as_bytes()
    return message


def _connect(server: SmtpServer) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.tls:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=context)
    connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
    try:
        _secure(connection, server, context)
    except BaseException:
        connection.close()
        raise
    return connection


def _secure(connection: smtplib.SMTP, server: SmtpServer, context: ssl.SSLContext) -> None:
    """Begin TLS if the server offers it."""
    connection.ehlo()
    if connection.has_extn("starttls"):
        connection.starttls(context=context)
    elif server.must_be_secure:
        raise smtplib.SMTPException(
            "The server does not offer TLS, so the password is not sent to it."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
