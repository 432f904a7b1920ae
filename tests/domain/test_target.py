"""Target: URLs and addresses judged by text; what libcurl makes of a URL is the yardstick."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address, ip_network
from urllib.parse import quote

import pycurl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.dapr.names import MAX_NAME
from app.domain.ports import DENIED_PORTS
from app.domain.target import MAX_CALLED, MAX_URL, Network, judge_address, judge_url, split
from app.errors import InvalidMember

LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

GOOD = [
    "http://example.com",
    "HTTPS://EXAMPLE.COM/Path?q=1#part",
    "http://example.com?q=http://10.0.0.1/",
    "http://example.com#@127.0.0.1/",
    "http://example.com:2/",
    "https://example.com:65535/a%2Fb%zz?x=%20+",
    "http://example.com./",
    "http://a_b-c.xn--bcher-kva.example/",
    "http://8.8.8.8/",
    "http://[2606:4700::1111]:8443/",
    "http://localhost.example.com/",
    "http://1.example/",
    "http://127.0.0.1.example.com/",
    "http://example.com/?a=|{}<>\"'`^[]",
    "http://example.com/" + "x" * 2029,
]

BAD = {
    "no URL": ["", "example.com", "/x", "http:", "http://", "http:///x", "http:/example.com/"],
    "no scheme of ours": [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "javascript://example.com/",
        "httpss://example.com/",
        "://example.com/",
        "//example.com/",
    ],
    "user information": [
        "http://user@example.com/",
        "http://user:secret@example.com/",
        "http://@example.com/",
        "http://example.com@127.0.0.1/",
        "http://127.0.0.1\\@example.com/",
    ],
    "characters": [
        " http://example.com/",
        "http://example.com/ ",
        "http://exa mple.com/",
        "http://example.com/\n",
        "http://exam\tple.com/",
        "http://example.com/\0",
        "http://example.com/\x7f",
        "http://example.com\\x/",
        "http://ex\xe4mple.com/",
        "http://example.com/\u2026",
        "http://\uff11\uff12\uff17.0.0.1/",
        "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/",
        "http://example.com/\ud800",
    ],
    "hosts": [
        "http://%31%32%37.0.0.1/",
        "http://example%2ecom/",
        "http://[fe80::1%25eth0]/",
        "http://[fe80::1%eth0]/",
        "http://[::1/",
        "http://::1/",
        "http://[example.com]/",
        "http://[v1.x]/",
        "http://[]/",
        "http://[::1]x/",
        "http://exa!mple.com/",
        "http://a..b/",
        "http://.a/",
        "http://a../",
        "http://./",
        "http://" + "x" * 64 + ".com/",
        "http://" + "x." * 127 + "com/",
        "http://a,b/",
    ],
    "ports": [
        "http://example.com:/",
        "http://example.com:0/",
        "http://example.com:1/",
        "http://example.com:25/",
        "https://example.com:22/",
        "http://example.com:465/",
        "http://example.com:6000/",
        "http://example.com:6379/",
        "http://example.com:11211/",
        "http://1.1.1.1:10080/",
        "http://example.com:65536/",
        "http://example.com:-1/",
        "http://example.com:8o/",
        "http://example.com:80:80/",
        "http://example.com:\u0661/",
        "http://example.com:000080/",
    ],
    "numbers that are no dotted quad": [
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.0.0.01/",
        "http://127.0.0.1./",
        "http://8.8.8.8./",
        "http://0/",
        "http://0x/",
        "http://1.2.3/",
        "http://1.2.3.4.5/",
        "http://256.1.1.1/",
        "http://example.0x1/",
        "http://example.1/",
        "http://example.1./",
    ],
    "denied literals": [
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "http://100.64.0.1/",
        "http://127.0.0.1:8080/",
        "http://169.254.169.254/latest/",
        "http://172.16.0.1/",
        "http://172.31.255.255/",
        "http://192.0.0.8/",
        "http://192.0.2.1/",
        "http://192.168.1.1/",
        "http://198.18.0.1/",
        "http://198.51.100.1/",
        "http://203.0.113.1/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://168.63.129.16/",
        "http://[::]/",
        "http://[::1]/",
        "http://[::8.8.8.8]/",
        "http://[::ffff:8.8.8.8]/",
        "http://[::ffff:7f00:1]/",
        "http://[64:ff9b::10.0.0.1]/",
        "http://[64:ff9b::127.0.0.1]/",
        "http://[64:ff9b::169.254.169.254]/",
        "http://[64:ff9b:1::1]/",
        "http://[100::1]/",
        "http://[2001::1]/",
        "http://[2001:db8::1]/",
        "http://[2002:7f00:1::1]/",
        "http://[3fff::1]/",
        "http://[5f00::1]/",
        "http://[fc00::1]/",
        "http://[fd12:3456::1]/",
        "http://[fe80::1]/",
        "http://[fec0::1]/",
        "http://[ff02::1]/",
    ],
    "denied names": [
        "http://localhost/",
        "http://LocalHost:80/",
        "http://localhost./",
        "http://any.localhost/",
        "http://metadata.google.internal/",
        "http://x.INTERNAL./",
        "http://printer.local/",
        "http://printer.local./",
        "http://localhost.localdomain/",
        "http://1.0.0.10.in-addr.arpa/",
        "http://router.home.arpa/",
    ],
    "one label": ["http://postgres/", "http://postgres.:5432/", "https://VM/", "http://local/"],
    "length": ["http://example.com/" + "x" * 2030],
}


@pytest.mark.parametrize("url", GOOD)
def test_good_urls_are_taken(url: str) -> None:
    judge_url(url, allow=())


@pytest.mark.parametrize(
    "url", ["https://e{}/", "https://[{}]/", "https://e.{}/", "https://example.com:{}/"]
)
def test_a_refusal_has_the_beginning_of_a_long_host_or_port(url: str) -> None:
    with pytest.raises(InvalidMember) as caught:
        judge_url(url.format("9" * 1900), allow=())
    assert "999..." in caught.value.message
    assert len(caught.value.message) < 150


@pytest.mark.parametrize("url", [url for urls in BAD.values() for url in urls])
def test_bad_urls_are_refused_by_name_with_reason_and_remedy(url: str) -> None:
    with pytest.raises(InvalidMember) as caught:
        judge_url(url, allow=())
    assert caught.value.member == "url"
    assert caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("http://b\xfccher.example/", "xn--"),
        ("http://example.com/a b", "%20"),
        ("http://example.com/a\\b", "%5C"),
        ("http://127.1/", "four decimal numbers"),
    ],
)
def test_the_remedy_says_what_to_write(url: str, remedy: str) -> None:
    with pytest.raises(InvalidMember) as caught:
        judge_url(url, allow=())
    assert remedy in caught.value.remedy


def test_what_is_called_may_be_longer_than_what_is_booked() -> None:
    app = "http://example.com/".ljust(MAX_URL, "x")
    longest = f"{app}/job/{quote(chr(0x1F600) * MAX_NAME)}"
    assert split(longest).host == "example.com"
    with pytest.raises(InvalidMember, match="characters long"):
        split(longest.ljust(MAX_CALLED + 1, "x"))


def test_what_is_allowed_goes_before_what_is_denied() -> None:
    for host in ("127.0.0.1", "[::1]", "localhost", "LOCALHOST.", "any.localhost"):
        judge_url(f"http://{host}:8000/", allow=LOOPBACK)
    judge_url("http://localhost/", allow=(ip_network("::1/128"),))
    judge_url("http://10.1.2.3/", allow=(ip_network("10.1.0.0/16"),))
    for url in ("http://10.2.0.1/", "http://localhost/", "http://[::ffff:10.1.2.3]/"):
        with pytest.raises(InvalidMember):
            judge_url(url, allow=(ip_network("10.1.0.0/16"),))


def test_a_name_of_one_label_is_taken_where_loopback_is_allowed() -> None:
    judge_url("http://app:8000/", allow=LOOPBACK)
    with pytest.raises(InvalidMember, match="a name without a domain"):
        judge_url("http://app:8000/", allow=(ip_network("10.0.0.0/8"),))


def test_a_denied_port_is_refused_wherever_it_is() -> None:
    for port in sorted(DENIED_PORTS - {0}):
        for host in ("localhost", "127.0.0.1", "example.com"):
            with pytest.raises(InvalidMember, match=f"Port {port} is used by another protocol"):
                judge_url(f"http://{host}:{port}/", allow=LOOPBACK)


def test_the_operators_networks_are_denied_before_anything_is_allowed_and_not_named() -> None:
    deny = (ip_network("8.8.0.0/16"), ip_network("127.0.0.0/9"), ip_network("2606:4700::/32"))
    for host in ("8.8.8.8", "127.0.0.1", "[2606:4700::1111]"):
        with pytest.raises(InvalidMember) as caught:
            judge_url(f"http://{host}:8000/", allow=LOOPBACK, deny=deny)
        assert "/" not in caught.value.message
    judge_url("http://127.128.0.1/", allow=LOOPBACK, deny=deny)
    judge_url("http://localhost/", allow=(*LOOPBACK, ip_network("::1/128")), deny=deny)
    with pytest.raises(InvalidMember):
        judge_url("http://localhost/", allow=(ip_network("127.0.0.0/8"),), deny=deny)


def test_the_parts_of_a_url() -> None:
    target = split("HTTPS://Example.COM./a%2fb?c=%3d#d")
    assert (target.scheme, target.host, target.port) == ("https", "example.com", 443)
    assert (target.address, target.path) == (None, "/a%2fb?c=%3d")
    assert split("http://example.com?x").path == "/?x"
    assert split("http://example.com").path == "/"
    literal = split("http://[2606:4700:0::1111]:81")
    assert (literal.host, literal.port) == ("2606:4700::1111", 81)
    assert literal.address == ip_address("2606:4700::1111")


@pytest.mark.parametrize(
    ("address", "denied"),
    [
        ("9.255.255.255", False),
        ("11.0.0.0", False),
        ("100.63.255.255", False),
        ("100.128.0.0", False),
        ("126.255.255.255", False),
        ("128.0.0.0", False),
        ("172.15.255.255", False),
        ("172.32.0.0", False),
        ("192.0.1.0", False),
        ("192.88.99.1", False),
        ("198.20.0.0", False),
        ("223.255.255.255", False),
        ("168.63.129.15", False),
        ("240.0.0.0", True),
        ("2000::", False),
        ("2001:200::", False),
        ("2001:1ff:ffff::", True),
        ("2001:4860:4860::8888", False),
        ("2003::", False),
        ("3fff:1000::", False),
        ("4000::", True),
        ("1fff:ffff::", True),
    ],
)
def test_the_deny_list_ends_where_it_should(address: str, *, denied: bool) -> None:
    assert (judge_address(ip_address(address), allow=()) is not None) is denied


HOSTS = st.one_of(
    st.from_regex(r"[A-Za-z0-9_.-]{1,20}", fullmatch=True),
    st.from_regex(r"[0-9a-fx.]{1,15}", fullmatch=True),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
)
TAILS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=15)


@given(st.sampled_from(["http", "HTTPS"]), HOSTS, TAILS)
def test_libcurl_goes_where_split_says(scheme: str, host: str, tail: str) -> None:
    url = f"{scheme}://{host}{tail}"
    try:
        target = split(url)
    except InvalidMember:
        return
    theirs = pycurl.CurlUrl(url)
    assert theirs.scheme == target.scheme
    assert theirs.user is None
    assert (theirs.port or {"http": "80", "https": "443"}[target.scheme]) == str(target.port)
    assert theirs.host is not None
    if target.address is not None:
        assert ip_address(theirs.host.strip("[]")) == target.address
    else:
        assert theirs.host.lower().removesuffix(".") == target.host


@given(st.text(max_size=80))
def test_any_text_is_accepted_or_refused(text: str) -> None:
    for url in (text, f"http://{text}", f"http://example.com/{text}"):
        with suppress(InvalidMember):
            judge_url(url, allow=())


def test_nat64_is_judged_by_the_ipv4_address_that_it_leads_to() -> None:
    prefix = ip_network("64:ff9b::/96")
    allowed = (prefix, ip_network("10.0.0.0/8"))
    public, private = ip_address("64:ff9b::8.8.8.8"), ip_address("64:ff9b::10.0.0.1")

    assert judge_address(public, allow=()) is None
    assert "10.0.0.1 is in 10.0.0.0/8 (private)" in str(judge_address(private, allow=()))
    assert judge_address(private, allow=allowed) is not None, "not by the prefix, nor by IPv4"
    for denied in ("8.8.8.0/24", "64:ff9b::808:0/112"):
        assert judge_address(public, allow=allowed, deny=(ip_network(denied),)) is not None
