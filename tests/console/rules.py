"""Rules: what holds for the HTML of every page of the console."""

from __future__ import annotations

import re

from lxml import html
from lxml.html import HtmlElement

_EVALUATED = re.compile(r"hx-on|js:|javascript:", re.IGNORECASE)
_FIELDS = "//input[not(@type='hidden')] | //select | //textarea"
MOST_BYTES = 40 * 1024


def check_page(page: str | bytes, *, most_bytes: int = MOST_BYTES) -> HtmlElement:
    """Return the document after checking every rule; an AssertionError names what breaks one."""
    text = page.decode() if isinstance(page, bytes) else page
    assert len(text.encode()) <= most_bytes, f"{len(text.encode())} bytes of HTML"
    document = html.document_fromstring(text)
    found = [
        *_headings(document),
        *_inline(document),
        *_ids(document),
        *_labels(document),
        *_names(document),
        *_forms(document),
        *_times(document),
    ]
    assert not found, "\n".join(found)
    return document


def _headings(document: HtmlElement) -> list[str]:
    found = [each.text_content().strip() for each in document.xpath("//h1")]
    title = (document.findtext(".//title") or "").partition("·")[0].strip()
    return [
        *([] if len(found) == 1 and found[0] else [f"h1: {found}"]),
        *([] if title else ["the page has no title"]),
        *([] if document.get("lang") else ["the page has no language"]),
        *([] if len(document.xpath("//main")) == 1 else ["the page has not one main"]),
    ]


def _inline(document: HtmlElement) -> list[str]:
    """Nothing inline, and no attribute that htmx evaluates as script."""
    found = [f"inline <{each.tag}>" for each in document.xpath("//script[not(@src)] | //style")]
    for element in document.iter():
        if not isinstance(element.tag, str):
            continue
        for name, value in element.attrib.items():
            bare = name.removeprefix("data-")
            if name == "style" or re.fullmatch(r"on\w+", name) or bare.startswith("hx-on"):
                found.append(f"<{element.tag} {name}>")
            if bare.startswith("hx-") and _EVALUATED.search(str(value)):
                found.append(f"<{element.tag} {name}={value}>")
            if bare.startswith("hx-trigger") and "[" in str(value):
                found.append(f"a filter in {name}={value}")
            if name in {"href", "src", "action"} and re.match(r"\s*javascript:", str(value)):
                found.append(f"<{element.tag} {name}={value}>")
    return found


def _ids(document: HtmlElement) -> list[str]:
    ids = document.xpath("//@id")
    found = [
        f"the id {each} is not unique" for each in sorted({i for i in ids if ids.count(i) > 1})
    ]
    known = set(ids)
    for name in ("for", "aria-describedby", "aria-labelledby", "aria-controls"):
        for value in document.xpath(f"//@{name}"):
            found += [
                f"{name}={each} refers to nothing" for each in value.split() if each not in known
            ]
    anchors = document.xpath("//a[starts-with(@href, '#')]/@href")
    return found + [f"the link {each} leads nowhere" for each in anchors if each[1:] not in known]


def _labels(document: HtmlElement) -> list[str]:
    labelled = set(document.xpath("//label/@for"))
    found = []
    for each in document.xpath(_FIELDS):
        named = each.get("aria-label") or each.get("aria-labelledby") or each.get("id") in labelled
        if not named and not each.xpath("ancestor::label") and each.get("type") != "submit":
            found.append(f"the field {each.get('name')} has no label")
    return found


def _names(document: HtmlElement) -> list[str]:
    """Links, buttons and tables say what they are."""
    named = "//a[@href] | //button | //summary"
    found = [
        f"a <{each.tag}> has no name: {html.tostring(each)[:120]!r}"
        for each in document.xpath(named)
        if not (each.text_content().strip() or each.get("aria-label"))
        and not each.xpath(".//*[@aria-label]")
    ]
    for table in document.xpath("//table"):
        if not table.xpath(".//thead//th | .//tr/th"):
            found.append("a table has no headings")
        if any(
            not th.text_content().strip() and not th.xpath(".//*[@aria-label]")
            for th in table.xpath(".//th")
        ):
            found.append("a heading of a table is empty")
    return found + ["an image has no text" for _ in document.xpath("//img[not(@alt)]")]


def _forms(document: HtmlElement) -> list[str]:
    """Forms that change something have a token; a button outside a form needs a type."""
    found = []
    for form in document.xpath("//form"):
        posts = form.get("method", "get").lower() == "post"
        if posts and not form.xpath(".//input[@type='hidden'][@name='csrf_token']"):
            found.append(f"the form {form.get('action')} has no token")
        if form.xpath("ancestor::form"):
            found.append("a form is in a form")
    return found + [
        "a button outside a form is not type=button"
        for _ in document.xpath("//button[not(ancestor::form)][not(@form)][not(@type='button')]")
    ]


def _times(document: HtmlElement) -> list[str]:
    """Every time is machine-readable; one that is absolute shows its zone."""
    found = []
    for each in document.xpath("//time"):
        text = each.text_content().strip()
        if not each.get("datetime"):
            found.append(f"the time {text} has no datetime")
        elif "off" not in each.get("class", "") and not re.search(r"UTC|[+-]\d\d:\d\d", text):
            found.append(f"the time {text} shows no zone")
    return found
