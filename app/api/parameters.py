"""Parameters: which query parameters each route accepts; all others are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import unquote, unquote_to_bytes

from flask import current_app, request
from flask.typing import ResponseReturnValue

from app.api.scopes import DRY_RUN
from app.domain.checks import member_name, quoted
from app.errors import InvalidMember

_TAKEN: Final = "parameters_taken"

_View = TypeVar("_View", bound=Callable[..., ResponseReturnValue])


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """The query parameters that a route accepts."""

    once: tuple[str, ...] = ()
    """Parameters that may be sent at most once."""
    many: tuple[str, ...] = ()
    """Parameters that may be sent any number of times."""
    ignoring: bool = False
    """Whether the route ignores other parameters, as the original system of its dialect does.

    A parameter that asks for a dry run is refused even then. If it were ignored, the request would
    be carried out and not only checked.
    """
    passing_on: bool = False
    """Whether the whole query is passed on to another server, which judges it."""
    hint: str = ""
    """A sentence that is added to the remedy."""

    @property
    def names(self) -> tuple[str, ...]:
        """All parameters that the route accepts."""
        return (*self.many, *self.once)


_NOTHING: Final = Taken()
"""The parameters of a route that declares none."""


def takes(
    *once: str,
    many: tuple[str, ...] = (),
    ignoring: bool = False,
    passing_on: bool = False,
    hint: str = "",
) -> Callable[[_View], _View]:
    """Declare the query parameters of a view, as every view must. `hint` extends the remedy."""

    def declare(view: _View) -> _View:
        view.__dict__[_TAKEN] = Taken(
            once=once, many=many, ignoring=ignoring, passing_on=passing_on, hint=hint
        )
        return view

    return declare


def declared_parameters(endpoint: str) -> Taken:
    """Return the parameters of the view of an endpoint; raises KeyError if none are declared."""
    taken: Taken = vars(current_app.view_functions[endpoint])[_TAKEN]
    return taken


def check() -> None:
    """Refuse query parameters that the route does not accept. Raises InvalidMember.

    If such a parameter were ignored, the request could do more than the client intended.
    """
    if not request.query_string:
        return
    taken: Taken = vars(current_app.view_functions[request.endpoint or ""]).get(_TAKEN, _NOTHING)
    if taken.passing_on:
        return
    for name, values in request.args.lists():
        if name not in taken.names and (not taken.ignoring or _is_dry_run(name)):
            raise _unknown(name, taken)
        if len(values) > 1 and name in taken.once and not taken.ignoring:
            raise InvalidMember(
                name,
                f"The parameter {name} is given more than once.",
                remedy=f"Send {name} once.",
            )
    _check_text(taken)


def _is_dry_run(name: str) -> bool:
    """Whether the name is a spelling of the parameter for a dry run."""
    return "".join(filter(str.isalpha, name)).lower() == DRY_RUN.lower()


def _unknown(name: str, taken: Taken) -> InvalidMember:
    if taken.ignoring:
        remedy = "Omit it to carry out the request; POST /1/preview shows what a schedule would do."
    elif taken.names:
        remedy = f"The parameters are: {', '.join(taken.names)}."
    else:
        remedy = "Omit it."
    return InvalidMember(
        member_name(name),
        f"The parameter {quoted(name)} is not supported here.",
        remedy=f"{remedy} {taken.hint}".rstrip(),
    )


def _check_text(taken: Taken) -> None:
    """Refuse a value that is not UTF-8, because such a value would match nothing."""
    for pair in request.query_string.split(b"&"):
        try:
            unquote_to_bytes(pair).decode()
        except UnicodeDecodeError:
            name = unquote(pair.partition(b"=")[0].decode())
            if name in taken.names:
                raise InvalidMember(
                    name,
                    f"The parameter {name} is not valid UTF-8.",
                    remedy="Percent-encode the value as UTF-8, as in B%C3%BCro.",
                ) from None
