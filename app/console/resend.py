"""Resend: shell commands that repeat or verify a call, signed with the account's secret. Pure."""

from __future__ import annotations

import shlex
from base64 import b64encode
from collections.abc import Iterable
from typing import Final

from app.domain.run_request import SIGNATURE

_STAMPED: Final = frozenset({"webhook-id", "webhook-timestamp"})
_MAX_BODY: Final = 16 * 1024
"""Bytes of a body that a command contains; a longer one is read from a file."""

# The key of a secret is base64 after its prefix. openssl takes it in hexadecimal only.
_SIGN: Final = (
    'KEY=$(printf %s "${WAKECALL_SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d " \\n")\n'
    'SIGNATURE=$({ printf "%s.%s." "$ID" "$STAMP"; cat "$BODY"; } |\n'
    '  openssl dgst -sha256 -mac HMAC -macopt "hexkey:$KEY" -binary | base64)\n'
)


def resend_command(
    run_id: str, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes
) -> str:
    """Return commands that send a call again by curl, with a new time and a new signature.

    They read the account's signing secret from the variable WAKECALL_SECRET, so that no page shows
    it.
    """
    lines = [f"curl -i -X {method} {shlex.quote(url)}"]
    lines += ['-H "webhook-id: $ID"', '-H "webhook-timestamp: $STAMP"']
    lines.append(f'-H "{SIGNATURE}: v1,$SIGNATURE"')
    lines += [
        f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers if name not in _STAMPED
    ]
    if body:
        lines.append('--data-binary @"$BODY"')
    return f"ID={run_id}\nSTAMP=$(date +%s)\n{_to_file(body)}{_SIGN}" + " \\\n  ".join(lines) + "\n"


def verify_command(run_id: str, stamp: str, body: bytes) -> str:
    """Return commands that print the signature which an attempt of that time carried."""
    return f'ID={run_id}\nSTAMP={stamp}\n{_to_file(body)}{_SIGN}echo "v1,$SIGNATURE"\n'


def _to_file(body: bytes) -> str:
    """Return the commands that write a body to the file $BODY."""
    if len(body) > _MAX_BODY:
        return f"BODY=body.bin   # write the payload of {len(body)} bytes to this file\n"
    try:
        text = body.decode()
        plain = text.isprintable() or text.replace("\n", "").replace("\t", "").isprintable()
    except UnicodeDecodeError:
        plain = False
    made = f"printf %s {shlex.quote(text)}" if plain else _decoded(body)
    return f'BODY=$(mktemp)\n{made} > "$BODY"\n'


def _decoded(body: bytes) -> str:
    return f"printf %s {b64encode(body).decode()} | base64 -d"
