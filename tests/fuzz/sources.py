"""Sources: where the code of the service reads headers, and where it refuses what it has read."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.fuzz.reached import ROOT

_REFUSALS: Final = frozenset({"InvalidMember", "MalformedDocument", "Refusal", "NotAcceptable"})
"""The exceptions that refuse a text, by the names by which they are raised."""

_VARIABLE: Final = "HTTP_"


def headers() -> set[str]:
    """The headers that the code reads, by their names in lower case.

    These are variables of WSGI in any place, and names by which `headers` is asked.
    """
    found: set[str] = set()
    for path, tree in _modules():
        names = vars(importlib.import_module(f"app.{_name(path)}"))
        for node in ast.walk(tree):
            found.update(each.lower() for each in _header(node, names))
    return found


def _header(node: ast.AST, names: Mapping[str, Any]) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)) if text.startswith(_VARIABLE) and text.isupper():
            yield text.removeprefix(_VARIABLE).replace("_", "-") or "-"
        case (
            ast.Call(func=ast.Attribute(value=asked, attr="get"), args=[name, *_])
            | ast.Subscript(value=asked, slice=name, ctx=ast.Load())
        ) if _is_headers(asked):
            yield from _text(name, names)
        case ast.Compare(left=name, comparators=[asked]) if _is_headers(asked):
            yield from _text(name, names)


def _text(node: ast.expr, names: Mapping[str, Any]) -> Iterator[str]:
    """The text that a constant or a name of the module stands for."""
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(node, ast.Name):
        value = names.get(node.id)
    if isinstance(value, str):
        yield value


def _is_headers(node: ast.expr) -> bool:
    """Whether it is called `headers`, or is those of the request."""
    return (isinstance(node, ast.Name) and node.id == "headers") or (
        isinstance(node, ast.Attribute)
        and node.attr == "headers"
        and isinstance(node.value, ast.Name)
        and node.value.id == "request"
    )


def refusing_functions() -> dict[tuple[str, int], str]:
    """The names of the functions that refuse a text, by file and first line as Python has them."""
    found: dict[tuple[str, int], str] = {}
    for path, tree in _modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and any(map(_refuses, _own(node))):
                first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                found[str(path), first] = f"{_name(path)}.{node.name}"
    return found


def _refuses(node: ast.AST) -> bool:
    if not isinstance(node, ast.Raise):
        return False
    match node.exc:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name in _REFUSALS
        case _:
            return False


def _own(node: ast.FunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions in it."""
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        each = waiting.pop()
        yield each
        if not isinstance(each, ast.FunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(each))


def _modules() -> Iterator[tuple[Path, ast.Module]]:
    """The modules of the service that may read a request, but for those that describe it."""
    for path in sorted((ROOT / "app").rglob("*.py")):
        if path.name != "__init__.py" and "openapi" not in path.parts:
            yield path, ast.parse(path.read_text())


def _name(path: Path) -> str:
    return path.relative_to(ROOT / "app").with_suffix("").as_posix().replace("/", ".")
