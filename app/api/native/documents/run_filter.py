"""Run filter: which runs a query or a redelivery document means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.api.native.codecs import json_codec, schema, xml_codec, xml_values
from app.api.native.documents import run_cursor
from app.domain import instants
from app.domain.checks import escaped, quoted
from app.domain.run import Position, RunFilter, RunState
from app.errors import InvalidMember

ROOT: Final = "redelivery"
STATE: Final = "state"
DRY_RUN: Final = "dryRun"
CURSOR: Final = "cursor"
OF_FILTER: Final = ("job", "after", "before", CURSOR)
"""What is given at most once; STATE any number of times."""

OF_REDELIVERY: Final = (STATE, *OF_FILTER, DRY_RUN)
UNSUCCESSFUL: Final = (RunState.FAILED, RunState.DEAD)

_ID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_EXAMPLE: Final = f'{{"{STATE}": "failed", "{DRY_RUN}": true}}'

Texts = Mapping[str, Sequence[str]]
"""What is given for each member, by its name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Redelivery:
    """What a redelivery document asks for."""

    wanted: RunFilter
    after: Position | None
    dry: bool


def of_texts(given: Texts, states: Sequence[RunState]) -> tuple[RunFilter, Position | None]:
    """The filter, and the position to go on from; without `state` all of `states` are meant.

    Raises InvalidMember.
    """
    after, before = (_instant(given, name) for name in ("after", "before"))
    if after is not None and before is not None and before <= after:
        raise InvalidMember(
            "before",
            "before is not later than after.",
            remedy="Runs due at after or later and before before are meant: leave room between.",
        )
    position = _one(given, CURSOR)
    wanted = RunFilter(
        states=_states(given.get(STATE, ()), states),
        job_id=_job(given),
        after=after,
        before=before,
    )
    return wanted, None if position is None else run_cursor.read(position)


def from_json(body: bytes) -> Redelivery:
    """The redelivery in a JSON document; raises MalformedDocument and InvalidMember."""
    members = json_codec.object_of(body, example=_EXAMPLE)
    _check_names(members)
    members = json_codec.not_null(members)
    dry = members.pop(DRY_RUN, False)
    if type(dry) is not bool:
        raise InvalidMember(
            DRY_RUN,
            f"{DRY_RUN} is {json_codec.kind(dry)}, not true or false.",
            remedy=f"Give true or false, or leave {DRY_RUN} out.",
        )
    return _redelivery({name: _texts(name, value) for name, value in members.items()}, dry=dry)


def from_xml(body: bytes, charset: str | None) -> Redelivery:
    """The redelivery in an XML document; raises MalformedDocument and InvalidMember."""
    given: dict[str, list[str]] = {}
    flags: dict[str, schema.Value] = {}
    for element in xml_codec.children(xml_codec.root(body, charset, ROOT)):
        name = str(element.tag)
        _check_names({name})
        if name == DRY_RUN:
            xml_values.refuse_second(name, name, flags)
            flags[name] = xml_values.read(name, element, schema.FLAG)
        else:
            given.setdefault(name, []).append(str(xml_values.read(name, element, schema.TEXT)))
    return _redelivery(given, dry=bool(flags.get(DRY_RUN)))


def _redelivery(given: Texts, *, dry: bool) -> Redelivery:
    wanted, position = of_texts(given, UNSUCCESSFUL)
    return Redelivery(wanted=wanted, after=position, dry=dry)


def _check_names(given: Iterable[str]) -> None:
    """Refuse what is not offered: overlooked, it would mean more runs than were meant."""
    for name in given:
        if name not in OF_REDELIVERY:
            raise InvalidMember(
                escaped(name),
                f"A redelivery has no member {quoted(name)}.",
                remedy=f"The members are: {', '.join(OF_REDELIVERY)}.",
            )


def _texts(name: str, value: object) -> Sequence[str]:
    texts: list[Any] = value if name == STATE and isinstance(value, list) else [value]
    if not texts:
        raise InvalidMember(
            name,
            f"{name} is an empty array, which names no run.",
            remedy=f"Name some of: {', '.join(UNSUCCESSFUL)}; without {name} both are meant.",
        )
    for text in texts:
        if type(text) is not str:
            raise InvalidMember(
                name,
                f"{name} is {json_codec.kind(text)}, not a string.",
                remedy=f"Give a string, or leave {name} out; for {STATE} also an array of strings.",
            )
    return texts


def _states(given: Sequence[str], offered: Sequence[RunState]) -> frozenset[RunState]:
    names = [name for text in given for name in text.split(",")]
    for name in names:
        if name not in offered:
            raise InvalidMember(
                STATE,
                f"{quoted(name)} is no state that can be asked for here.",
                remedy=f"Name some of: {', '.join(offered)}.",
            )
    return frozenset(map(RunState, names)) if names else frozenset(offered)


def _job(given: Texts) -> UUID | None:
    text = _one(given, "job")
    if text is None:
        return None
    if not _ID.fullmatch(text):
        raise InvalidMember(
            "job",
            f"{quoted(text)} is no id of a job.",
            remedy="Give an id as GET /1/jobs lists it; also that of a job that has ended.",
        )
    return UUID(text)


def _instant(given: Texts, name: str) -> datetime | None:
    text = _one(given, name)
    return None if text is None else instants.parse(text, member=name)


def _one(given: Texts, name: str) -> str | None:
    texts = given.get(name, ())
    if len(texts) > 1:
        raise InvalidMember(name, f"{name} is given more than once.", remedy=f"Give {name} once.")
    return texts[0] if texts else None
