"""First call: what it takes to join a running instance with an invitation."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from http.cookiejar import CookieJar
from typing import Final
from urllib.parse import urlencode, urlsplit

from lxml import html
from lxml.html import HtmlElement

from local.instance import CHECKOUT
from tests.e2e.instance import Instance

LIMIT_S: Final = 60.0
"""Within how many seconds somebody who joins sees the first call."""

EMAIL: Final = "ada@example.com"
PASSWORD: Final = "correct horse battery"
_PATIENCE_S: Final = 30


def invite(instance: Instance) -> str:
    """The link of a new invitation, as the operator's command prints it."""
    command = (sys.executable, "-m", "flask", "--app", "wsgi", "invite", "create", "--note", "Ada")
    done = subprocess.run(
        command, env=instance.environment, cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    found = re.search(r"https?://\S+", done.stdout)
    assert found is not None, done.stdout
    return urlsplit(found[0]).path


class Visitor:
    """A browser without script: it keeps cookies, follows redirects and sends forms."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self._opener.addheaders = [("Accept", "text/html"), ("Origin", base)]
        self.path = ""
        self.page: HtmlElement = html.Element("html")

    def get(self, path: str) -> HtmlElement:
        """Open a page."""
        return self._open(path, None)

    def send(self, action: str, **values: str) -> HtmlElement:
        """Fill in and send the form of this page that has this action."""
        (form,) = [
            each
            for each in self.page.forms
            if (each.get("action") or self.path) == action and each.method == "POST"
        ]
        fields = {name: value or "" for name, value in form.fields.items() if name}
        return self._open(action, urlencode({**fields, **values}).encode())

    def text(self, element_id: str) -> str:
        """The text of an element of this page, on one line."""
        return " ".join(self.page.get_element_by_id(element_id).text_content().split())

    def _open(self, path: str, data: bytes | None) -> HtmlElement:
        with self._opener.open(self._base + path, data, timeout=_PATIENCE_S) as answer:
            self.page = html.document_fromstring(answer.read().decode())
            self.path = urlsplit(answer.geturl()).path
        return self.page
