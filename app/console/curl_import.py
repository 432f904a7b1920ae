"""Curl import: reads the request out of a pasted curl command, as fields of the form of a job."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from app.console import shell_words
from app.domain.checks import quoted
from app.errors import InvalidMember

MEMBER: Final = "paste"
MAX_PASTE: Final = 16_384
"""Characters of a command that are read."""

_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_DATA: Final = frozenset({"--data", "--data-raw", "--data-binary", "--data-ascii", "--json"})
_SHORT: Final = {
    "X": "--request",
    "H": "--header",
    "d": "--data",
    "u": "--user",
    "b": "--cookie",
    "A": "--user-agent",
    "e": "--referer",
    "m": "--max-time",
    "G": "--get",
    "I": "--head",
    "L": "--location",
    "k": "--insecure",
    "x": "--proxy",
    "F": "--form",
    "T": "--upload-file",
    "o": "--output",
    "w": "--write-out",
    "c": "--cookie-jar",
    "D": "--dump-header",
    "E": "--cert",
    "r": "--range",
}
_WITH_VALUE: Final = _DATA | {
    *("--request", "--header", "--user", "--cookie", "--user-agent", "--referer", "--max-time"),
    *("--url", "--proxy", "--form", "--upload-file", "--output", "--write-out"),
    *("--connect-timeout", "--retry", "--retry-delay", "--retry-max-time", "--cacert"),
    *("--data-urlencode", "--url-query", "--oauth2-bearer", "--cookie-jar", "--dump-header"),
    *("--cert", "--key", "--resolve", "--connect-to", "--interface", "--range", "--max-redirs"),
    *("--proxy-user", "--limit-rate", "--ciphers", "--tls-max", "--stderr", "--trace"),
}
_NOTES: Final = {
    "--location": "Redirects are not followed: give the final URL.",
    "--insecure": "Certificates are always checked.",
    "--proxy": "The proxy is ignored: calls are made by this service.",
    "--user-agent": "The header User-Agent is set by Wakecall.",
    "--retry": "Retries of curl are ignored: choose those of the job.",
}
_REFUSED: Final = {
    "--form": "A form with files cannot be sent.",
    "--upload-file": "A file cannot be sent.",
    "--data-urlencode": "A payload that curl encodes is not read.",
    "--url-query": "A query that curl encodes is not read.",
    "--range": "A part of a response cannot be asked for.",
}


@dataclass(slots=True)
class _Request:
    """The request, as far as the options of the command are read."""

    urls: list[str] = field(default_factory=list)
    method: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    between: str = "&"
    """What joins several payloads."""

    content_type: str = ""
    timeout: str = ""
    as_query: bool = False
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """Fields of the form by their names, and notes about options that were ignored."""

    values: dict[str, str]
    notes: tuple[str, ...]


def is_command(text: str) -> bool:
    """Return whether a text is a curl command."""
    return text.strip().split(None, 1)[:1] in (["curl"], ["$"]) and "curl" in text


def read(text: str) -> Imported:
    """Return the request of a curl command. Raises InvalidMember for `paste`."""
    request = _Request()
    for option, value in _options(_words(text)):
        if option in _NOTES:
            request.notes.append(_NOTES[option])
        if option in _REFUSED:
            raise InvalidMember(
                MEMBER, _REFUSED[option], remedy="Give the URL and the payload as they are sent."
            )
        _apply(request, option, value)
    if len(request.urls) != 1:
        raise InvalidMember(
            MEMBER,
            f"The command has {len(request.urls) or 'no'} URLs.",
            remedy="Paste a command with one URL.",
        )
    return Imported(values=_values(request), notes=tuple(dict.fromkeys(request.notes)))


def _words(text: str) -> list[str]:
    if len(text) > MAX_PASTE:
        raise InvalidMember(
            MEMBER,
            f"The text has {len(text)} characters.",
            remedy=f"Paste at most {MAX_PASTE} characters.",
        )
    joined = text.strip().removeprefix("$").replace("\r\n", "\n").replace("\\\n", " ")
    try:
        words = shell_words.split(joined)
    except ValueError as error:
        raise InvalidMember(
            MEMBER,
            f"The command cannot be read as a shell reads it: {error}.",
            remedy="Check its quotation marks.",
        ) from None
    if not words or words[0] != "curl":
        raise InvalidMember(
            MEMBER,
            "The text is not a curl command.",
            remedy="Paste a command that begins with curl, or a crontab line.",
        )
    return words[1:]


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the options by their long names with their values; a URL as `--url`."""
    arriving = iter(words)
    for word in arriving:
        if word.startswith("--"):
            name, has_value, value = word.partition("=")
            if name in _WITH_VALUE and not has_value:
                value = _value_of(name, arriving)
            yield name, value
        elif word.startswith("-") and len(word) > 1:
            yield from _short_options(word, arriving)
        else:
            yield "--url", word


def _short_options(word: str, arriving: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield the options of a word such as `-sSXPOST`."""
    for position, letter in enumerate(word[1:], 2):
        name = _SHORT.get(letter, f"-{letter}")
        if name in _WITH_VALUE:
            yield name, word[position:] or _value_of(name, arriving)
            return
        yield name, ""


def _value_of(name: str, arriving: Iterator[str]) -> str:
    value = next(arriving, None)
    if value is None:
        raise InvalidMember(
            MEMBER, f"The option {name} has no value.", remedy="Complete the command."
        )
    return value


def _apply(request: _Request, option: str, value: str) -> None:
    if option in _DATA:
        _add_data(request, option, value)
    match option:
        case "--cookie" | "--referer":
            request.headers.append((option.strip("-").title(), value))
        case "--url":
            request.urls.append(value)
        case "--request" | "--head":
            request.method = value.upper() or "HEAD"
        case "--get":
            request.as_query = True
        case "--header":
            _add_header(request, value)
        case "--user":
            token = base64.b64encode(value.encode()).decode()
            request.headers.append(("Authorization", f"Basic {token}"))
        case "--oauth2-bearer":
            request.headers.append(("Authorization", f"Bearer {value}"))
        case "--max-time":
            request.timeout = value
        case _:
            # What curl prints, and how it connects, has no meaning for a call.
            pass


def _add_data(request: _Request, option: str, value: str) -> None:
    if value.startswith("@") and option != "--data-raw":
        raise InvalidMember(
            MEMBER,
            f"The payload is in the file {quoted(value[1:])}, which is not in the command.",
            remedy="Paste the payload into the form.",
        )
    request.data.append(value)
    if option == "--json":
        request.content_type = request.content_type or _JSON
        request.between = ""


def _add_header(request: _Request, line: str) -> None:
    name, _, value = line.partition(":")
    name, value = name.strip(), value.strip()
    if name.lower() == "content-type":
        request.content_type = value
    elif name.lower() in {"host", "content-length", "user-agent", "accept-encoding"}:
        request.notes.append(f"The header {name} is ignored: Wakecall sets it for each call.")
    elif value:
        request.headers.append((name, value))


def _values(request: _Request) -> dict[str, str]:
    url, data = request.urls[0], request.between.join(request.data)
    if "://" not in url:
        url = f"http://{url}"
    if request.as_query and data:
        url, data = f"{url}{'&' if '?' in url else '?'}{data}", ""
    # An empty payload is one, too: `-d ''` is how many write a POST without a body.
    has_payload = bool(request.data) and not request.as_query
    method = request.method or ("POST" if has_payload else "GET")
    content_type = request.content_type or (_FORM if has_payload else "")
    return {
        "url": url,
        "method": method,
        "data": data,
        "contentType": content_type if data or method in _WITH_BODY else "",
        "headers": "\n".join(f"{name}: {value}" for name, value in request.headers),
        "timeout": request.timeout,
    }
