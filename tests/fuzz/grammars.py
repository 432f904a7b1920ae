"""Grammars: texts drawn by the rules of what is read, most of them valid or nearly so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Texts = SearchStrategy[str]


def joined(
    parts: Texts | Sequence[str], separator: str = "", *, least: int = 1, most: int = 6
) -> Texts:
    """Several parts, between which the separator stands."""
    each = st.sampled_from(parts) if isinstance(parts, Sequence) else parts
    return st.lists(each, min_size=least, max_size=most).map(separator.join)


def sequence(*parts: Texts | str) -> Texts:
    """These parts one after the other."""
    each = [st.just(part) if isinstance(part, str) else part for part in parts]
    return st.tuples(*each).map("".join)


CRON_ATOMS: Final = (
    *("*", "?", "0", "1", "5", "15", "30", "59", "60", "7", "23", "31", "*/5", "0/15", "3-7"),
    *("22-2", "1,2,3", "L", "W", "LW", "15W", "L-3", "5L", "FRIL", "MON", "MON-FRI", "SUN", "6#3"),
    *("FRI#5", "JAN", "feb-jun", "2030", "2030-2040", "2030/4", "*/2", "1-5/2", "@daily", "C"),
)
_ITEMS: Final = joined(CRON_ATOMS, ",", most=3) | st.sampled_from(CRON_ATOMS)
QUARTZ: Final = joined(_ITEMS, " ", least=5, most=8)
CRONTAB: Final = joined(_ITEMS, " ", least=4, most=6) | st.sampled_from(
    ["@daily", "@hourly", "@reboot", "@every 1h", "@yearly", "@Weekly", "@midnight"]
)
_DURATION_UNITS: Final = ("h", "m", "s", "ms", "us", "\xb5s", "ns", "d", "")
GO_DURATION: Final = joined(
    st.tuples(
        st.sampled_from(("0", "1", "1.5", "90", ".5", "5.", "9223372036", "1e3")),
        st.sampled_from(_DURATION_UNITS),
    ).map("".join),
    most=4,
)
ISO_DURATION: Final = sequence(
    st.sampled_from(("P", "PT", "R/PT", "R5/P", "p", "-P")),
    joined(("1Y", "2M", "3D", "4W", "T", "5H", "6M", "7S", "1.5S", "0D"), most=5),
)
ZONES: Final = (
    *("Europe/Berlin", "America/New_York", "UTC", "Asia/Kathmandu", "Europe/berlin", "Local"),
    *("Australia/Lord_Howe", "Etc/GMT+5", "W. Europe Standard Time", "Factory", "../etc/passwd"),
)
DAPR_SCHEDULE: Final = sequence(
    st.sampled_from(("", "", "TZ=Europe/Rome ", "CRON_TZ=UTC ", "TZ=Nowhere ")),
    QUARTZ | GO_DURATION.map("@every {}".format) | CRONTAB,
)
_DATES: Final = (
    *("2030-01-31", "20300131", "2030-131", "2030131", "2030-W19-3", "2030W193", "2030-02-29"),
    *("9999-12-31", "0001-01-01", "0000-01-01", "2030-13-01", "2030-1-1"),
)
_TIMES: Final = (
    *("15:30", "153000", "15:30:00.25", "24:00", "24:00:01", "23:59:60", "15,5", "15", "25:00"),
    *("00:00:00.000000000000000001", "1530.5"),
)
_OFFSETS: Final = ("Z", "z", "", "+02:00", "-2359", "+24:00", "+02", " 02:00", "[Europe/Berlin]")
INSTANT: Final = sequence(
    st.sampled_from(_DATES),
    st.sampled_from(("T", "t", " ", "")),
    st.sampled_from(_TIMES),
    st.sampled_from(_OFFSETS),
)
HOSTS: Final = (
    *("example.com", "EXAMPLE.com.", "localhost", "127.0.0.1", "[::1]", "[::ffff:10.0.0.1]"),
    *("0x7f.1", "2130706433", "xn--bcher-kva.example", "b\xfccher.example", "a..b", "-a.example"),
    *("1.2.3.4.5", "[fe80::1%25eth0]", "user:pw@example.com", "169.254.169.254", "a_b.example"),
)
URL: Final = sequence(
    st.sampled_from(("http://", "https://", "HTTP://", "ftp://", "//", "http:/", "http:\\\\")),
    st.sampled_from(HOSTS),
    st.sampled_from(("", "", ":443", ":0", ":65536", ":25", ":", ":08080")),
    joined(("/", "/a", "/%2f", "/..", "?a=b", "#f", "/ ", "/%", "/\xe9", ";", "//"), most=4),
)
_TYPES: Final = ("application/json", "text/xml", "text/plain", "*/*", "text/*", "*", "a/b", "/")
_PARAMETERS: Final = (
    *(";q=1", ";q=0", ";q=0.5", "; q=.1", ";q=1.5", ";q=x", ";charset=utf-8", ';charset="UTF-8"'),
    *(';a="b,c;d\\""', ";;", '; a="', ";level=1", ";q=0.1;ext"),
)
ACCEPT: Final = joined(
    sequence(st.sampled_from(_TYPES), joined(_PARAMETERS, least=0, most=3)), ",", most=5
)
EMAIL: Final = sequence(
    st.sampled_from(("ada", "a.b", '"a b"', "a+b", "", "\xe9", "a" * 64)),
    st.sampled_from(("@", "@@", "")),
    st.sampled_from(("example.com", "b\xfccher.example", "a..b", "[1.2.3.4]", "localhost")),
)
HTTP_DATE: Final = sequence(
    st.sampled_from(("Sun, ", "Sunday, ", "", "Foo, ")),
    st.sampled_from(("06 Nov 2094", "6-Nov-94", "Nov  6", "31 Feb 2030", "99 Foo 99999", "06")),
    " ",
    st.sampled_from(("08:49:37", "8:49", "25:61:61", "084937", "08:49:37:00", "-1:00")),
    " ",
    st.sampled_from(("GMT", "1994", "+0200", "-9999999999", "EST", "+", "", "Z", "(x)")),
)
LONE: Final = st.text(max_size=20)

VALUES: Final[Sequence[Any]] = (
    *(None, True, False, 0, 1, -1, 1.5, 10**30, 1e308, "", "a", "true", "5", [], {}, [[]], ["a"]),
    *([1, "a", None], {"a": 1}, "\x00", "\u202e", "\ud800", "a" * 300, [0] * 50),
    *("https://example.com/wake", "2094-05-11T15:30:00Z", "0 0 12 * * ?", "Europe/Berlin"),
    *("base64", "AAEC", "text/plain", "PUT", "queue", "fire-now", {"maxAttempts": 3}, ["a", "b"]),
    *({"schedule": [1, 5, 60]}, {"X-Tenant": "acme"}, {"backoff": {"initial": 1, "factor": 2}}),
)


def json_objects(members: Sequence[str], useful: Sequence[dict[str, Any]]) -> Texts:
    """JSON of one of the useful documents, in which some members are others."""
    names = st.sampled_from(members) if members else st.text(max_size=5)
    others = st.dictionaries(names | st.text(max_size=5), st.sampled_from(VALUES), max_size=4)
    return st.tuples(st.sampled_from(useful), others).map(
        lambda pair: json.dumps({**pair[0], **pair[1]})
    )


def xml_documents(root: str, members: Sequence[str]) -> Texts:
    """XML with these members, some of them written in other ways."""
    content = st.sampled_from(
        (
            *("", "a", "5", "true", "https://example.com/", "2094-05-11T15:30:00Z", "<a/>", "&#0;"),
            *("&amp;", "<![CDATA[x]]>", "<!-- c -->", "<?p?>", "<tag>a</tag>", "&e;", " \n "),
            *(
                '<header name="X-A">b</header>',
                "<schedule><wait>5</wait></schedule>",
                "0 0 12 * * ?",
            ),
        )
    )
    names = st.sampled_from([*members, "x", "a:b", root])
    element = st.tuples(names, st.sampled_from(("", ' a="b"', ' xsi:nil="true"')), content).map(
        lambda parts: f"<{parts[0]}{parts[1]}>{parts[2]}</{parts[0]}>"
    )
    prologs = st.sampled_from(
        (
            *("", '<?xml version="1.0"?>', '<?xml version="1.0" encoding="UTF-8"?>\n', "\ufeff"),
            *('<?xml version="1.0" encoding="utf-16"?>', '<!DOCTYPE a [<!ENTITY e "x">]>'),
        )
    )
    return sequence(
        prologs, f"<{root}>", joined(element, least=0, most=6), st.sampled_from((f"</{root}>", ""))
    )
