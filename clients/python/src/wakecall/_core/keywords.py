"""Keywords: refuses keyword arguments that a method does not have, in the words of Python."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches


def check(method: str, given: Mapping[str, object], kind: type) -> None:
    """Raise TypeError for a keyword argument that is not a member of the TypedDict `kind`.

    A filter that was left out would select more than the caller meant.
    """
    known: frozenset[str] = getattr(kind, "__optional_keys__", frozenset())
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f". Did you mean {close[0]!r}?" if close else ""
            raise TypeError(f"{method}() got an unexpected keyword argument {name!r}{hint}")
