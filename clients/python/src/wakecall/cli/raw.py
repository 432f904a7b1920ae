"""Raw: the commands that send any request, and open pages of the console."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import quote

import click

from wakecall.cli import booking, escapes
from wakecall.cli.failures import Exit, Failure
from wakecall.cli.options import Command, idempotency_key
from wakecall.cli.session import Session, is_id, pass_session

_PAGES: Final = (
    *("jobs", "runs", "upcoming", "preview", "inbox", "endpoints"),
    *("keys", "secrets", "members", "account", "audit"),
)
_BODILESS: Final = frozenset({"GET", "HEAD", "DELETE"})


@click.command("api", cls=Command)
@click.argument("method")
@click.argument("path")
@click.option("-d", "--data", "text", metavar="JSON", help="The body; @FILE reads it, @- stdin.")
@click.option("--content-type", default="application/json", help="The media type of the body.")
@click.option("--accept", default="application/json", help="The format of the answer.")
@click.option("-H", "--header", multiple=True, metavar="NAME:VALUE", help="A header.")
@click.option("-i", "--include", is_flag=True, help="Print status and headers on standard error.")
@idempotency_key()
@pass_session
def send_request(  # noqa: PLR0913 - one for each option
    session: Session,
    *,
    method: str,
    path: str,
    text: str | None,
    content_type: str,
    accept: str,
    header: tuple[str, ...],
    include: bool,
    idempotency_key: str | None,
) -> None:
    """Send a request to a path of the API, and print the answer as it is.

    A POST gets an idempotency key, and is repeated where it had no answer.
    """
    headers = {"Accept": accept, **dict(booking.header_of(each) for each in header)}
    body = _body(text)
    if body is not None:
        if method.upper() in _BODILESS:
            raise click.UsageError(f"{method.upper()} takes no body.")
        headers["Content-Type"] = content_type
    try:
        answer = session.client.request(
            method, path, data=body, headers=headers, idempotency_key=idempotency_key
        )
    except ValueError as error:
        raise click.UsageError(f"{error}") from None
    if include:
        click.echo(f"{answer.status}", err=True)
        for name, value in answer.headers.items():
            click.echo(escapes.printable(f"{name}: {value}"), err=True)
    session.out.content(answer.body)


def _body(text: str | None) -> bytes | None:
    if text is None or not text.startswith("@"):
        return None if text is None else text.encode()
    return booking.read_bytes(Path(text[1:]), "--data")


@click.command("open", cls=Command)
@click.argument("thing", required=False, metavar="[PAGE|JOB]")
@pass_session
def open_page(session: Session, thing: str | None) -> None:
    """Open the console in the browser: a page of it, or the page of a job.

    Without a terminal, and with --json, the address is printed and nothing is opened.
    """
    url = f"{session.connection.url}/console"
    if thing in _PAGES:
        url += f"/{thing}"
    elif thing is not None:
        job = thing if is_id(thing) else session.job_id(thing)
        url += f"/jobs/{quote(job)}"
    if session.options.is_json:
        session.out.document({"url": url})
        return
    session.out.line(url)
    opens = session.out.format == "table" and not session.options.no_input
    if opens and not session.world.open_page(url):
        raise Failure(Exit.REFUSED, "No browser", "No browser was found on this machine.")
