"""Parameters: what each route takes in the query of its address; the rest is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import unquote, unquote_to_bytes

from flask import current_app, request
from flask.typing import ResponseReturnValue

from app.api.scopes import DRY_RUN
from app.domain.checks import escaped, quoted
from app.errors import InvalidMember

_TAKEN: Final = "parameters_taken"

_View = TypeVar("_View", bound=Callable[..., ResponseReturnValue])


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What a route takes: each of `once` at most once, each of `many` any number of times.

    Where the system that a dialect stands for ignores others, so does the route (`ignoring`);
    but for a dry run, as overlooking that would do what was only to be checked.
    """

    once: tuple[str, ...] = ()
    many: tuple[str, ...] = ()
    ignoring: bool = False
    hint: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All that the route takes."""
        return (*self.many, *self.once)


_NOTHING: Final = Taken()
"""What a route takes that declares nothing."""


def takes(
    *once: str, many: tuple[str, ...] = (), ignoring: bool = False, hint: str = ""
) -> Callable[[_View], _View]:
    """Declare what a view takes; every view does so. `hint` is added to the remedy."""

    def declare(view: _View) -> _View:
        view.__dict__[_TAKEN] = Taken(once=once, many=many, ignoring=ignoring, hint=hint)
        return view

    return declare


def declared_parameters(endpoint: str) -> Taken:
    """What the view of that name takes. Raises KeyError where it declares nothing."""
    taken: Taken = vars(current_app.view_functions[endpoint])[_TAKEN]
    return taken


def check() -> None:
    """Refuse what the route does not take: overlooked, it would mean more than was meant.

    Raises InvalidMember.
    """
    if not request.query_string:
        return
    taken: Taken = vars(current_app.view_functions[request.endpoint or ""]).get(_TAKEN, _NOTHING)
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
    """Whether somebody means a dry run by it, however it is spelt."""
    return "".join(filter(str.isalpha, name)).lower() == DRY_RUN.lower()


def _unknown(name: str, taken: Taken) -> InvalidMember:
    if taken.ignoring:
        remedy = "Omit it to carry out the request; POST /1/preview shows what a schedule would do."
    elif taken.names:
        remedy = f"The parameters are: {', '.join(taken.names)}."
    else:
        remedy = "Omit it."
    return InvalidMember(
        escaped(name),
        f"The parameter {quoted(name)} is not supported here.",
        remedy=f"{remedy} {taken.hint}".rstrip(),
    )


def _check_text(taken: Taken) -> None:
    """Refuse a value whose bytes are no text: as it was written it would match nothing."""
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
