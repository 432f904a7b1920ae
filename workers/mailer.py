"""Mailer: a thread of the scheduler that sends the mail in the outbox."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from app.config import Settings
from app.errors import Misconfigured
from app.log import logger
from app.service import context as use_cases
from app.service import letters
from app.service.context import Context
from app.smtp import SmtpServer, Unwritable, send
from app.store import engine, outbox
from app.store.database import Database
from app.store.outbox import Letter
from workers.loop_thread import LoopThread

INTERVAL_S: Final = 2.0
MAX_ATTEMPTS: Final = 12
"""After some 17 hours of failures a mail is given up: its link will soon have expired."""

_FIRST_WAIT: Final = timedelta(seconds=30)
_MAX_WAIT: Final = timedelta(hours=4)
_PERMANENT: Final = 500

Send = Callable[[SmtpServer, str, str, str], None]


class Mailer(LoopThread):
    """Sends one mail after the other; several schedulers share the outbox."""

    def __init__(self, context: Context, server: SmtpServer, *, send: Send = send) -> None:
        super().__init__("mailer", interval=INTERVAL_S)
        self._context = context
        self._server = server
        self._send = send

    def run_once(self) -> None:
        """Send what is due."""
        while not self._ended.is_set():
            with self._context.database.session() as connection:
                letter = outbox.take(connection)
            if letter is None:
                return
            self._deliver(letter)

    def close(self) -> None:
        """Close the connection."""
        self._context.database.engine.dispose()

    def _deliver(self, letter: Letter) -> None:
        try:
            text = letters.write(self._context, letter)
            # Between two transactions: none waits for the mail server.
            if text is not None:
                self._send(self._server, letter.recipient, letter.subject, text)
        except (OSError, Misconfigured, Unwritable) as error:
            self._failed(letter, error)
            return
        with self._context.database.session() as connection:
            outbox.sent(connection, letter.id)

    def _failed(self, letter: Letter, error: Exception) -> None:
        reason = " ".join(str(error).split()) or type(error).__name__
        over = letter.attempts >= MAX_ATTEMPTS or _is_permanent(error)
        logger.warning("mail.failed", mail=letter.id, given_up=over, error=reason[:200])
        with self._context.database.session() as connection:
            if over:
                outbox.give_up(connection, letter.id, reason)
            else:
                wait = min(_FIRST_WAIT * 2 ** (letter.attempts - 1), _MAX_WAIT)
                outbox.retry(connection, letter.id, reason, wait)


def mailing(settings: Settings) -> Mailer | None:
    """The mailer, where a mail server is configured."""
    if settings.smtp is None:
        return None
    database = Database(engine.mail_engine(settings))
    return Mailer(use_cases.create(settings, database), settings.smtp)


def _is_permanent(error: Exception) -> bool:
    """Whether no mail server takes this mail, or this one refuses it for good (RFC 5321, 4.2.1)."""
    if isinstance(error, Unwritable):
        return True
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= _PERMANENT for code, _ in error.recipients.values())
    # A refused sender or password is the operator's to mend: the mail waits for that.
    return isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= _PERMANENT
