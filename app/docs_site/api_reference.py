"""API reference: writes the Markdown of the pages about operations from the OpenAPI document."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from app.api.problems import BY_CODE
from app.docs_site.manifest import Entry, Group

Document = Mapping[str, Any]

_SAMPLES: Final[dict[str, dict[str, str]]] = tomllib.loads(
    Path(__file__).with_name("samples.toml").read_text(encoding="utf-8")
)
_TITLES: Final = {
    "jobs": "Jobs",
    "runs": "Runs",
    "upcoming": "Upcoming firings",
    "preview": "Preview",
    "account": "Account, keys, secrets",
    "inboxes": "Inboxes",
    "apps": "Dapr apps",
    "runners": "Fusion runners",
    "service": "Health and documents",
    "callbacks": "Calls and events",
}
_COMMON: Final = ("Idempotency-Key", "Wakecall-Depth")
"""Headers that many operations have; one page explains them for all."""

_COMMON_TEXT: Final = (
    "The [key](../api.md#key) is sent as `Authorization: Bearer KEY`. Requests that change "
    "something may have an [`Idempotency-Key`](../api.md#idempotency). In Python and TypeScript, "
    "`client` is a `Client` that reads address and key from the environment."
)
_JSON: Final = "application/json"
_MAX_LINE: Final = 72


def group(document: Document) -> Group:
    """Return the group of the pages, one for each tag of the document."""
    entries = tuple(
        Entry(
            slug=f"reference/operations/{name}", file=file_of(name), title=_TITLES.get(name, name)
        )
        for name in _tags(document)
    )
    return Group(title="HTTP API by operation", entries=entries)


def file_of(tag: str) -> str:
    """Return the name under which the page of a tag is known beside the files."""
    return f"docs/operations/{tag}.md"


def pages(document: Document) -> dict[str, str]:
    """Return the Markdown of each page, by the name of `file_of`."""
    return {file_of(name): _page(document, name) for name in _tags(document)}


def operations(document: Document) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield method, path and description of all operations; those of webhooks have no path."""
    for path, methods in document["paths"].items():
        for method, found in methods.items():
            yield method.upper(), path, found
    for methods in document.get("webhooks", {}).values():
        for method, found in methods.items():
            yield method.upper(), "", found


def _tags(document: Document) -> list[str]:
    used = {tag for *_, found in operations(document) for tag in found["tags"]}
    return [each["name"] for each in document["tags"] if each["name"] in used]


def _page(document: Document, tag: str) -> str:
    about = next(each["description"] for each in document["tags"] if each["name"] == tag)
    parts = [f"# {_TITLES.get(tag, tag)}", about]
    if tag not in {"service", "callbacks"}:
        parts.append(_COMMON_TEXT)
    shown: set[str] = set()
    for method, path, found in operations(document):
        if tag in found["tags"]:
            parts += _operation(document, method, path, found, shown)
    return "\n\n".join(parts) + "\n"


def _operation(
    document: Document, method: str, path: str, found: Mapping[str, Any], shown: set[str]
) -> Iterator[str]:
    title = found.get("summary") or found["operationId"]
    yield f"## {title}"
    if path:
        yield f"`{method} {path}`"
    if found.get("description"):
        yield found["description"]
    if path:
        yield from _samples(method, path, found)
    yield from _parameters(found)
    yield from _body(document, found, shown)
    yield from _answers(document, found)


def _samples(method: str, path: str, found: Mapping[str, Any]) -> Iterator[str]:
    own = _SAMPLES.get(found["operationId"], {})
    tabs = [
        ("sh", "curl", _curl(method, path, found)),
        ("python", "Python", own.get("python", "")),
        ("js", "TypeScript", own.get("typescript", "")),
        ("sh", "Command line", own.get("cli", "")),
    ]
    for language, label, text in tabs:
        if text:
            yield f'```{language} tab="{label}"\n{text.strip()}\n```'


def _curl(method: str, path: str, found: Mapping[str, Any]) -> str:
    """Return the command with the first example of each required parameter and of the body."""
    for each in found.get("parameters", ()):
        if each["in"] == "path":
            value = quote(str(_example(each)), safe="")
            path = path.replace(f"{{{each['name']}}}", value)
    words = ["curl"]
    body = _example(found.get("requestBody", {}).get("content", {}).get(_JSON, {}))
    if method != "GET" and not (method == "POST" and body):
        words.append(f"-X {method}")
    words.append(f'"$URL{path}"')
    lines = [" ".join(words)]
    if found.get("security") != []:
        lines[0] += ' -H "Authorization: Bearer $KEY"'
    if body:
        text = json.dumps(body, ensure_ascii=False)
        if len(text) > _MAX_LINE:
            text = json.dumps(body, ensure_ascii=False, indent=2)
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(text)}"]
    return " \\\n  ".join(lines)


def _example(described: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON holds anything
    """Return the first example of a parameter or of a media type; empty if there is none."""
    if "example" in described:
        return described["example"]
    for each in described.get("examples", {}).values():
        return each["value"]
    return ""


def _parameters(found: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        f"| `{each['name']}` | {each['in']} | {_cell(each.get('description', ''))} |"
        for each in found.get("parameters", ())
        if each["name"] not in _COMMON
    ]
    if rows:
        yield "\n".join(["| parameter | in | meaning |", "|---|---|---|", *rows])


def _body(document: Document, found: Mapping[str, Any], shown: set[str]) -> Iterator[str]:
    content = found.get("requestBody", {}).get("content", {}).get(_JSON)
    if content is None:
        return
    name = _reference(content["schema"])
    schema = _resolve(document, content["schema"])
    if name and name in shown:
        yield f"The body is a document as above (`{name}`)."
        return
    shown.add(name)
    rows = list(_members(document, schema))
    if rows:
        yield "\n".join(["| member of the body | type | meaning |", "|---|---|---|", *rows])


def _members(document: Document, schema: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Yield a row for each member, and for each member of its objects."""
    required = schema.get("required", ())
    for name, member in schema.get("properties", {}).items():
        found = _resolve(document, member)
        text = member.get("description") or found.get("description", "")
        note = " Required." if name in required else ""
        yield f"| `{before}{name}` | {_type(document, member)} | {_cell(text)}{note} |"
        if found.get("type") == "object" and not before:
            yield from _members(document, found, f"{name}.")


def _type(document: Document, schema: Mapping[str, Any]) -> str:
    """Return the type of a member with its bounds, in words."""
    name = _reference(schema)
    schema = _resolve(document, schema)
    if "enum" in schema:
        return " or ".join(f"`{each}`" for each in schema["enum"])
    kind = schema.get("type", "")
    kind = " or ".join(kind) if isinstance(kind, list) else kind
    if kind == "array":
        inner = _type(document, schema.get("items", {}))
        most = schema.get("maxItems")
        return f"list of {inner}" + (f"; at most {most:,} of them" if most else "")
    bounds = _bounds(schema)
    return f"{kind or name or 'any'}{bounds}"


def _bounds(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f", {_number(least)} to {_number(most)}"
    longest = schema.get("maxLength")
    return f", at most {longest:,} characters" if longest else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,}"


def _answers(document: Document, found: Mapping[str, Any]) -> Iterator[str]:
    rows, problems = [], []
    for status, answer in found.get("responses", {}).items():
        whole = _resolve(document, answer)
        codes = _codes(whole)
        problems += codes
        if not codes:
            rows.append(f"| {status} | {_cell(whole.get('description', ''))} |")
    if rows:
        yield "\n".join(["| answer | meaning |", "|---|---|", *rows])
    examples = [
        _example(_resolve(document, answer).get("content", {}).get(_JSON, {}))
        for status, answer in found.get("responses", {}).items()
        if status.startswith("2")
    ]
    # Where there are several answers, the first is that of a dry run.
    for example in [each for each in examples if each][-1:]:
        text = json.dumps(example, ensure_ascii=False, indent=2)
        yield f"```json output\n{text}\n```"
    if problems:
        yield "Problems: " + ", ".join(
            f"[`{each}`](../problems/{each}.md)" for each in sorted(set(problems))
        )


def _codes(answer: Mapping[str, Any]) -> list[str]:
    """Return the problem types of an answer; none for one that is not a problem."""
    content = answer.get("content", {}).get("application/problem+json", {})
    names = content.get("schema", {}).get("properties", {}).get("type", {}).get("enum", ())
    codes = (each.rpartition("/")[2] for each in names)
    return [each for each in codes if each in BY_CODE]


def _reference(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _resolve(document: Document, described: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a reference leads to."""
    pointer = described.get("$ref")
    found: Any = document if pointer else described
    for part in pointer.removeprefix("#/").split("/") if pointer else ():
        found = found[part]
    resolved: Mapping[str, Any] = found
    return resolved


def _cell(text: str) -> str:
    """Return a text for the cell of a table."""
    return re.sub(r"\s*\n\s*", " ", text).replace("|", "\\|")


def samples() -> Mapping[str, Mapping[str, str]]:
    """Return the samples of each operation, by its id: `python`, `typescript` and `cli`."""
    return _SAMPLES
