"""Import curl: prints the job that makes the request of a curl command."""

from __future__ import annotations

import argparse
import base64
import math
import shlex
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit

import click

from wakecall.cli import booking
from wakecall.cli.config import toml_string
from wakecall.cli.options import Command
from wakecall.cli.output import Json
from wakecall.cli.session import Session, pass_session

_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_MAX_WORDS: Final = 1000
WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
"""The methods of calls that have a body."""

_DATA: Final = ("--data", "--data-raw", "--data-binary", "--data-ascii", "--json")
_VALUES: Final = (
    *(("-X", "--request"), ("-u", "--user"), ("-b", "--cookie"), ("-e", "--referer")),
    *(("-m", "--max-time"), ("-A", "--user-agent"), ("-o", "--output"), ("-w", "--write-out")),
    *(("-x", "--proxy"), ("--connect-timeout",), ("--retry",), ("--retry-delay",), ("--cacert",)),
)
_FLAGS: Final = (
    *(("-G", "--get"), ("-I", "--head"), ("-L", "--location"), ("-k", "--insecure")),
    *(("-s", "--silent"), ("-S", "--show-error"), ("-f", "--fail"), ("-i", "--include")),
    *(("-v", "--verbose"), ("--compressed",), ("-g", "--globoff"), ("--http1.1",), ("--http2",)),
)
_NOTES: Final = {
    "location": "Redirects are not followed: give the final URL.",
    "insecure": "Certificates are always checked.",
    "proxy": "The proxy is left out: the service makes the calls.",
    "user_agent": "User-Agent is left out: the service sets it.",
    "retry": "--retry is left out: see `retry` of a job.",
}
_OF_THE_SERVICE: Final = frozenset({"host", "content-length", "user-agent", "accept-encoding"})


class _Parser(argparse.ArgumentParser):
    """Reads the options of curl; what it does not know is wrong usage."""

    def error(self, message: str) -> NoReturn:
        """Raise click's error for a command that cannot be read."""
        raise click.UsageError(f"The curl command cannot be read: {message}.")


@click.command("curl", cls=Command)
@click.argument("source", metavar="[FILE]", default="-", type=click.Path(path_type=Path))
@click.option("--cron", metavar="EXPRESSION", help="The schedule of the job.")
@click.option("--name", help="The name of the job; from the URL by default.")
@pass_session
def import_curl(session: Session, *, source: Path, cron: str | None, name: str | None) -> None:
    """Print the job that makes the request of a curl command, for wakecall.toml.

    The command is read from FILE or standard input. With --json, the document of the API is
    printed. Nothing is booked.
    """
    document, notes = read(text_of(source, "FILE"))
    if cron is not None:
        document["cron"] = cron
        document["timezone"] = session.options.zone
    shown = {key: value for key, value in document.items() if value not in (None, "", {})}
    for each in notes:
        session.out.hint(each)
    title = name or name_of(f"{document['url']}")
    if session.options.is_json:
        session.out.document({**shown, "name": title})
        return
    if cron is None:
        session.out.hint("The job has no schedule yet: give --cron, or add it.")
    sys.stdout.write(to_toml(title, shown))


def read(text: str) -> tuple[dict[str, Json], list[str]]:
    """Return the job of a curl command, and notes on what was left out. Raises click's errors."""
    try:
        words = shlex.split(
            text.strip().removeprefix("$").replace("\r\n", "\n").replace("\\\n", " "), comments=True
        )
    except ValueError as error:
        raise click.UsageError(f"The command cannot be read as a shell does: {error}.") from None
    if words[:1] != ["curl"]:
        raise click.UsageError("The text does not begin with curl.")
    check_number(words)
    given = _parser().parse_args(words[1:])
    urls = [*given.url, *given.urls]
    if len(urls) != 1:
        raise click.UsageError(f"The command has {len(urls)} URLs; a job has one.")
    notes = [text for name, text in _NOTES.items() if getattr(given, name)]
    return _job(given, urls[0], notes), notes


def check_number(words: Sequence[str]) -> None:
    """Raise UsageError for so many words that argparse, which is quadratic, takes seconds."""
    if len(words) > _MAX_WORDS:
        raise click.UsageError(f"The command has more than {_MAX_WORDS} words.")


@cache
def _parser() -> _Parser:
    parser = _Parser(prog="curl", add_help=False, allow_abbrev=False)
    parser.add_argument("urls", nargs="*")
    parser.add_argument("--url", action="append", default=[])
    parser.add_argument("-H", "--header", action="append", default=[])
    parser.add_argument("-d", *_DATA[:1], dest="data", action=_Keep, default=[])
    for option in _DATA[1:]:
        parser.add_argument(option, dest="data", action=_Keep, default=[])
    for names in _VALUES:
        parser.add_argument(*names)
    for names in _FLAGS:
        parser.add_argument(*names, action="store_true")
    return parser


class _Keep(argparse.Action):
    """Keeps each payload together with the option that gave it, in their order."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 - as argparse calls it
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Append the option and its value."""
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), (option_string, values)])


def _job(given: argparse.Namespace, url: str, notes: list[str]) -> dict[str, Json]:
    headers = _headers(given, notes)
    is_json = any(option == "--json" for option, _ in given.data)
    parts = [_payload(option, value) for option, value in given.data]
    data = ("" if is_json else "&").join(parts)
    url = url if "://" in url else f"http://{url}"
    if given.get and data:
        url, data = f"{url}{'&' if '?' in url else '?'}{data}", ""
    # An empty payload is one, too: `-d ''` is how many write a POST without a body.
    has_payload = bool(given.data) and not given.get
    method = given.request or ("HEAD" if given.head else "POST" if has_payload else "GET")
    default = (_JSON if is_json else _FORM) if has_payload else None
    content_type = headers.pop("content-type", default)
    return {
        "url": url,
        "method": method.upper(),
        "headers": headers,
        "contentType": content_type if data or method.upper() in WITH_BODY else None,
        "data": data,
        "timeout": _seconds(given.max_time),
    }


def _headers(given: argparse.Namespace, notes: list[str]) -> dict[str, str]:
    found = {}
    for line in given.header:
        name, _, value = line.partition(":")
        if name.strip().lower() in _OF_THE_SERVICE:
            notes.append(f"{name.strip()} is left out: the service sets it.")
        elif name.strip().lower() == "content-type":
            found["content-type"] = value.strip()
        elif value.strip():
            found[name.strip()] = value.strip()
    if given.user is not None:
        found["Authorization"] = f"Basic {base64.b64encode(given.user.encode()).decode()}"
    for name in ("Cookie", "Referer"):
        if value := getattr(given, name.lower()):
            found[name] = value
    return found


def _payload(option: str, value: str) -> str:
    """Return a payload; one that begins with @ is in a file, as curl reads it."""
    if not value.startswith("@") or option == "--data-raw":
        return value
    text = payload_in(value[1:], option)
    keeps_lines = option in ("--data-binary", "--json")
    return text if keeps_lines else text.replace("\n", "").replace("\r", "")


def payload_in(name: str, option: str) -> str:
    """Return the payload in a file that a command names. Raises click's errors."""
    if name == "-":
        raise click.BadParameter(
            "The payload is read from standard input, which is not in the command.",
            param_hint=option,
        )
    return text_of(Path(name), option)


def text_of(path: Path, option: str) -> str:
    """Return the text in a file. Raises click's errors for one that is not UTF-8."""
    try:
        return booking.read_bytes(path, option).decode()
    except UnicodeDecodeError:
        raise click.BadParameter(
            f"{path} is not UTF-8. Bytes are given as `book --data-file FILE`, or in wakecall.toml "
            "as data = { file = … }.",
            param_hint=option,
        ) from None


def _seconds(text: str | None) -> float | None:
    try:
        found = None if text is None else float(text)
    except ValueError:
        found = math.nan
    if found is not None and not math.isfinite(found):
        raise click.UsageError(f"--max-time {text} is not a number.")
    return found


def name_of(url: str) -> str:
    """Return a name for the job of a URL: the last part of its path, or its host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        # Of `http://[`, which the service refuses.
        return "job"
    return parts.path.strip("/").rpartition("/")[2] or f"{parts.hostname}"


def to_toml(name: str, job: dict[str, Json]) -> str:
    """Return the job as a table of wakecall.toml."""
    lines = [f"[jobs.{toml_string(name)}]"]
    for key, value in job.items():
        if isinstance(value, dict):
            pairs = (f"{toml_string(each)} = {_text(text)}" for each, text in value.items())
            lines.append(f"{key} = {{ {', '.join(pairs)} }}")
        else:
            lines.append(f"{key} = {_text(value)}")
    return "\n".join(lines) + "\n"


def _text(value: Json) -> str:
    """Return a value of a job, in which a dollar sign would otherwise begin a variable."""
    return toml_string(value.replace("$", "$$") if isinstance(value, str) else value)
