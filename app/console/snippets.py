"""Snippets: programs, a command and a file that book a job. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pprint import pformat
from typing import Any

from app.console import command_line, toml_file

_WIDTH = 92
_MAX_WRAPPED = 4000
"""Characters of a document whose texts are wrapped."""


def all_of(base: str, account: str, document: Mapping[str, Any]) -> dict[str, str]:
    """Return what books the document at the service at `base`, by the names of languages and tools.

    A text is empty if its tool cannot express the document.
    """
    return {
        "Python": python(base, document),
        "Node": node(base, document),
        "Command line": command_line.book(document),
        "wakecall.toml": toml_file.render(account, document),
    }


def python(base: str, document: Mapping[str, Any]) -> str:
    """Return a program without libraries that books the document at the service at `base`."""
    return f"""import json, os, urllib.request

job = {_literal(document)}
request = urllib.request.Request(
    {base + "/1/jobs"!r},
    data=json.dumps(job).encode(),
    headers={{
        "Authorization": f"Bearer {{os.environ['WAKECALL_KEY']}}",
        "Content-Type": "application/json",
        "Accept": "application/json",
    }},
)
with urllib.request.urlopen(request) as response:
    print(json.load(response)["id"])
"""


def _literal(document: Mapping[str, Any]) -> str:
    """Return the document as an expression of Python; a long text stays on one line.

    The time that `pformat` takes to wrap a text is quadratic in its length.
    """
    if len(str(document)) <= _MAX_WRAPPED:
        return pformat(dict(document), width=_WIDTH, sort_dicts=False)
    members = (f"{name!r}: {value!r}" for name, value in document.items())
    return "{" + ",\n ".join(members) + "}"


def node(base: str, document: Mapping[str, Any]) -> str:
    """Return a program that books the document at the service at `base`."""
    written = json.dumps(document, ensure_ascii=False, indent=2)
    return f"""const job = {written};

const response = await fetch({json.dumps(base + "/1/jobs")}, {{
  method: "POST",
  headers: {{
    Authorization: `Bearer ${{process.env.WAKECALL_KEY}}`,
    "Content-Type": "application/json",
    Accept: "application/json",
  }},
  body: JSON.stringify(job),
}});
if (!response.ok) throw new Error(await response.text());
console.log((await response.json()).id);
"""
