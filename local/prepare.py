"""Run once at each start, as a process of its own: migrations, the account `demo` and its user."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from flask_migrate import upgrade

from app.api.context import current_context
from app.config import load
from app.domain.user import LinkPurpose
from app.errors import Conflict, Unauthenticated, WakecallError
from app.service import accounts, keys, members, user_links
from local.demonstration import USER
from local.home import DEMO_KEY_FILE, write_private
from local.terminal import fail

ACCOUNT: Final = "demo"


def main() -> int:
    """0 once the database is up to date and the account's key is in the data directory."""
    try:
        settings = load(os.environ)
        from wsgi import app  # noqa: PLC0415 - it reads the settings, which may be wrong

        with app.app_context():
            upgrade()
            ensure_account(settings.home / DEMO_KEY_FILE)
            print(ensure_user())
    except WakecallError as error:
        fail(error.message)
        return 1
    return 0


def ensure_account(key_file: Path) -> None:
    """Create the account `demo` if there is none, and a key of it unless `key_file` has one."""
    try:
        write_private(key_file, accounts.create(current_context(), ACCOUNT))
    except Conflict:
        if not _has_key(key_file):
            write_private(key_file, keys.create(current_context(), ACCOUNT, "make run"))


def _has_key(file: Path) -> bool:
    """Whether a key in this file is valid: it may be of another database, or revoked."""
    try:
        accounts.authenticate(current_context(), file.read_text().strip(), account=ACCOUNT)
    except (OSError, UnicodeError, Unauthenticated):
        return False
    return True


def ensure_user() -> str:
    """Create the user of the account `demo` if there is none; return a link that signs in, once."""
    members.add_user(current_context(), ACCOUNT, USER)
    return user_links.create(current_context(), USER, LinkPurpose.SIGN_IN)


if __name__ == "__main__":
    sys.exit(main())
