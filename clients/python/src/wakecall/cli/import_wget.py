"""Import wget: the job that makes the request of a wget command."""

from __future__ import annotations

import argparse
import base64
import shlex
from collections.abc import Sequence
from functools import cache
from typing import Final, NoReturn

import click

from wakecall.cli.import_curl import WITH_BODY, check_number, payload_in
from wakecall.cli.output import Json

_FORM: Final = "application/x-www-form-urlencoded"
_VALUES: Final = (
    *(("-O", "--output-document"), ("-o", "--output-file"), ("-a", "--append-output")),
    *(("-t", "--tries"), ("-T", "--timeout"), ("-w", "--wait"), ("--waitretry",), ("-U",)),
    *(("--user-agent",), ("--user",), ("--password",), ("--method",), ("--read-timeout",)),
    *(("--connect-timeout",), ("--dns-timeout",), ("-P", "--directory-prefix")),
)
_FLAGS: Final = (
    *(("-q", "--quiet"), ("-nv", "--no-verbose"), ("-v", "--verbose"), ("--spider",)),
    *(("--no-check-certificate",), ("-S", "--server-response"), ("--no-cache",), ("-b",)),
    *(("--delete-after",), ("--content-on-error",), ("-4",), ("-6",), ("-nd",)),
)


class _Parser(argparse.ArgumentParser):
    """Reads the options of wget; what it does not know is wrong usage."""

    def error(self, message: str) -> NoReturn:
        """Raise click's error for a command that cannot be read."""
        raise click.UsageError(f"The wget command cannot be read: {message}.")


def read(text: str) -> tuple[dict[str, Json], list[str]]:
    """Return the job of a wget command, and notes on what was left out. Raises click's errors."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise click.UsageError(f"The command cannot be read as a shell does: {error}.") from None
    options = _split(words[1:])
    check_number(options)
    given = _parser().parse_args(options)
    if len(given.urls) != 1:
        raise click.UsageError(f"The command has {len(given.urls)} URLs; a job has one.")
    url = given.urls[0] if "://" in given.urls[0] else f"http://{given.urls[0]}"
    data = _data(given)
    headers: dict[str, str] = {}
    for line in given.header:
        name, _, value = line.partition(":")
        headers[name.strip()] = value.strip()
    if given.user is not None:
        pair = f"{given.user}:{given.password or ''}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    kinds = [name for name in headers if name.lower() == "content-type"]
    kind = headers.pop(kinds[0]) if kinds else None if data is None else _FORM
    # An empty payload is one, too: `--post-data=` makes a POST.
    method = given.method or ("HEAD" if given.spider else "GET" if data is None else "POST")
    notes = ["Certificates are always checked."] if given.no_check_certificate else []
    job: dict[str, Json] = {"url": url, "method": method.upper(), "headers": headers}
    has_type = bool(data) or method.upper() in WITH_BODY
    return {**job, "contentType": kind if has_type else None, "data": data or ""}, notes


def _split(words: Sequence[str]) -> list[str]:
    """Return the words with flags such as `-qO-` divided into `-q` and `-O-`."""
    found: list[str] = []
    for word in words:
        if word.startswith("-q"):
            others = word[1:].lstrip("q")
            found += ["-q"] * (len(word) - 1 - len(others))
            found += [f"-{others}"] if others else []
        else:
            found.append(word)
    return found


@cache
def _parser() -> _Parser:
    parser = _Parser(prog="wget", add_help=False, allow_abbrev=False)
    parser.add_argument("urls", nargs="*")
    parser.add_argument("--header", action="append", default=[])
    for name in ("--post-data", "--body-data", "--post-file", "--body-file"):
        parser.add_argument(name)
    for names in _VALUES:
        parser.add_argument(*names)
    for names in _FLAGS:
        parser.add_argument(*names, action="store_true")
    return parser


def _data(given: argparse.Namespace) -> str | None:
    """Return the payload of a command; None if it has none. Raises click's errors."""
    for text in (given.post_data, given.body_data):
        if text is not None:
            return f"{text}"
    for option, path in (("--post-file", given.post_file), ("--body-file", given.body_file)):
        if path is not None:
            return payload_in(f"{path}", option)
    return None
