"""Session: one invocation's connection to the service, and how it prints and asks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from functools import cached_property, wraps
from http import HTTPStatus
from typing import Any, Concatenate, Final, ParamSpec, TypeVar
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import httpx2

from wakecall import Answer, Client, Retries, errors
from wakecall._core.proxies import with_proxies
from wakecall.cli import escapes, times
from wakecall.cli.config import Connection, is_private, resolve
from wakecall.cli.failures import Exit, Failure
from wakecall.cli.instances import is_loopback
from wakecall.cli.options import Options, options_of
from wakecall.cli.output import Json, Output
from wakecall.cli.trace import TracingClient
from wakecall.cli.world import World

Parameter = str | int | float | bool | Sequence[str] | None
P = ParamSpec("P")
R = TypeVar("R")

_BY_NAME: Final = "name:"
HEADERS: Final = {"Accept": "application/json"}
MAX_PAGE: Final = 1000


class Session:
    """What a command needs: `client` talks to the service, `out` prints, `confirm` asks."""

    def __init__(self, options: Options, world: World) -> None:
        self.options = options
        self.world = world

    @cached_property
    def zone(self) -> tzinfo | None:
        """The zone in which times are read and shown; None is that of this machine."""
        name = self.options.zone or self.world.around.environ.get("WAKECALL_TZ")
        if self.options.utc:
            name = "UTC"
        return zone_of(name) if name else None

    @cached_property
    def out(self) -> Output:
        """Where the command prints."""
        return Output(self.options, self.zone, self.world)

    @cached_property
    def connection(self) -> Connection:
        """The service and the key, from options, environment and files. Raises Failure."""
        path = self.world.around.config_file
        if not is_private(path):
            self.out.hint(f"Other users can read {path}, which may hold keys: chmod 600 {path}")
        return resolve(self.options, self.world.around)

    @cached_property
    def client(self) -> Client:
        """The client of the service. Raises Failure if there is no service or no key."""
        return self.client_of(self.connection.url, self.key)

    @property
    def key(self) -> str:
        """The API key. Raises Failure if there is no service or no key."""
        connection = self.connection
        if not connection.key:
            raise Failure(
                Exit.UNAUTHENTICATED,
                "No key",
                f"There is no API key for {connection.url} (from {connection.url_from}).",
                "Save one: wakecall login; or set WAKECALL_KEY, or name a file with --key-file.",
            )
        return connection.key

    def with_origin_of_key(self, error: errors.Unauthenticated) -> errors.Unauthenticated:
        """Return an error that tells people which key was refused, and how to use another one."""
        connection: Connection | None = self.__dict__.get("connection")
        if connection is None or not connection.key_from:
            return error
        origin = connection.key_from
        once = ", once WAKECALL_KEY is unset" if origin == "WAKECALL_KEY" else ""
        remedy = f"The key is that of {origin}. Save another one: wakecall login{once}."
        return errors.Unauthenticated(replace(error.problem, remedy=remedy))

    def client_of(self, url: str, key: str, retries: Retries | None = None) -> Client:
        """Return a client of another service or key, or with other retries."""
        kind = TracingClient if self.options.verbose else httpx2.Client
        # With a transport the proxies of the environment are not used.
        transport = self.world.transport or (httpx2.HTTPTransport() if is_loopback(url) else None)
        try:
            http = with_proxies(lambda: kind(transport=transport, timeout=self.options.timeout))
        except errors.NotConfigured as error:
            raise Failure(Exit.USAGE, "Wrong usage", f"{error}") from None
        click.get_current_context().call_on_close(http.close)
        return Client(key, url=url, timeout=self.options.timeout, retries=retries, http=http)

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Parameter] | None = None,
        document: Json = None,
        idempotency_key: str | None = None,
    ) -> Json:
        """Send a request; return the JSON document of the answer, None for a 204.

        Raises Failure for an answer that has neither, and the library's errors.
        """
        answer = self.send(
            method, path, query=query, document=document, idempotency_key=idempotency_key
        )
        return None if answer.status == HTTPStatus.NO_CONTENT else parsed(answer)

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Parameter] | None = None,
        document: Json = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Send a request; return the answer. Raises the library's errors."""
        try:
            return self.client.request(
                method,
                path,
                params=query,
                json=document,
                headers=HEADERS,
                idempotency_key=idempotency_key,
            )
        except errors.WakecallError as error:
            if not _takes_key():
                error.idempotency_key = None
            raise

    def list(
        self, path: str, query: Mapping[str, Parameter] | None = None, *, most: int | None = None
    ) -> Listing:
        """Return the elements of a list, of which `most` at most are read, page by page."""
        return Listing(self.client, path, query or {}, most)

    def job(self, reference: str) -> dict[str, Any]:
        """Return the job of an id or a name. Raises the library's errors."""
        found: dict[str, Any] = self.ask("GET", job_path(reference))
        return found

    def job_id(self, reference: str) -> str:
        """Return the id of the job of an id or a name."""
        if is_id(reference):
            return reference
        return f"{self.job(reference)['id']}"

    def confirm(self, question: str, wanted: str) -> None:
        """Ask a person to type `wanted`, unless --yes was given. Raises Failure.

        Without a terminal nothing is asked: the command fails, and tells how to go on.
        """
        if self.options.yes:
            return
        if self.options.no_input or not self.world.can_ask():
            raise Failure(
                Exit.USAGE,
                "Not confirmed",
                f"{question} Nothing was done: without a terminal this is not asked.",
                "Add --yes to go on.",
            )
        click.echo(f"{escapes.printable(question)}\nType {wanted} to go on: ", nl=False, err=True)
        if sys.stdin.readline().strip() != wanted:
            raise Failure(Exit.REFUSED, "Not confirmed", "Nothing was done.")


def _takes_key() -> bool:
    """Return whether the command can be repeated with an idempotency key."""
    command = click.get_current_context().command
    return any(each.name == "idempotency_key" for each in command.params)


def parsed(answer: Answer) -> Json:
    """Return the JSON of an answer. Raises Failure if it is none: the address is not Wakecall's."""
    try:
        return answer.json()
    except ValueError:
        raise _foreign(answer, "JSON") from None


def _array(answer: Answer) -> list[dict[str, Json]]:
    """Return the elements in an answer. Raises Failure if it is not an array of objects."""
    found = parsed(answer)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise _foreign(answer, "a list")
    return found


def _foreign(answer: Answer, expected: str) -> Failure:
    return Failure(
        Exit.UNREACHED,
        "No answer of Wakecall",
        f"The answer {answer.status} is not {expected}: {answer.excerpt}",
        "Check the address: `wakecall whoami` shows where it is from.",
    )


class Listing:
    """The elements of a list of the API, as they are read; `has_more` tells of those left."""

    def __init__(
        self, client: Client, path: str, query: Mapping[str, Parameter], most: int | None
    ) -> None:
        self._client = client
        self._path = path
        self._query = query
        self._most = most
        self.has_more = False

    def __iter__(self) -> Iterator[dict[str, Json]]:
        """Yield the elements. Raises the library's errors."""
        left = self._most
        cursor: str | None = None
        while left is None or left > 0:
            limit = None if left is None else min(left, MAX_PAGE)
            members = {**self._query, "limit": limit, "cursor": cursor}
            answer = self._client.request("GET", self._path, params=members, headers=HEADERS)
            page = _array(answer)
            yield from page
            if cursor is not None and answer.next_cursor == cursor:
                raise errors.NoAnswer("The service leads from a page to the same page.")
            cursor = answer.next_cursor
            if left is not None:
                left -= len(page)
            if cursor is None:
                return
        self.has_more = True


def pass_session(
    command: Callable[Concatenate[Session, P], R],
) -> Callable[P, R]:
    """Give a command its session as the first argument."""

    @wraps(command)
    def begin(*arguments: P.args, **settings: P.kwargs) -> R:
        context = click.get_current_context()
        world = context.find_object(World) or World()
        session = Session(options_of(context), world)
        try:
            return command(session, *arguments, **settings)
        except errors.Unauthenticated as error:
            raise session.with_origin_of_key(error) from error

    return begin


def is_id(reference: str) -> bool:
    """Return whether a text is the id of a job or run."""
    try:
        return f"{UUID(reference)}" == reference.lower()
    except ValueError:
        return False


def job_path(reference: str) -> str:
    """Return the path of a job given by its id or its name; `name:` makes it a name."""
    if is_id(reference):
        return f"/1/jobs/{reference}"
    return f"/1/jobs/by-name/{quote(reference.removeprefix(_BY_NAME), safe='')}"


def zone_of(name: str) -> tzinfo:
    """Return the time zone of a name. Raises Failure."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, RecursionError):
        # tzdata is searched as a package: a long name is one of many packages in each other.
        raise Failure(
            Exit.USAGE,
            "Wrong usage",
            f"There is no time zone {name!r} on this machine.",
            "Give a name such as Europe/Berlin. If every name is refused, install tzdata.",
        ) from None


def past(session: Session, text: str | None, option: str) -> str | None:
    """Return the instant of an option that lies in the past, as the API takes it."""
    return _instant(
        text, option, lambda each: times.parse_past(each, session.zone, session.out.now)
    )


def future(session: Session, text: str | None, option: str) -> str | None:
    """Return the instant of an option that lies in the future, as the API takes it."""
    return _instant(
        text, option, lambda each: times.parse_future(each, session.zone, session.out.now)
    )


def _instant(text: str | None, option: str, read: Callable[[str], datetime]) -> str | None:
    if text is None:
        return None
    try:
        return times.iso_utc(read(text))
    except OverflowError:
        raise click.BadParameter(f"{text!r} is out of range.", param_hint=option) from None
    except ValueError as error:
        raise click.BadParameter(f"{error}", param_hint=option) from None
