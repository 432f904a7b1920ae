"""Transfer: one reusable libcurl handle, with the options that are the same for all calls."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from ipaddress import ip_address
from math import ceil
from typing import Final, Protocol

import pycurl

from app.delivery import answer_head
from app.delivery.guard import Pin
from app.delivery.request import USER_AGENT, Call
from app.domain.call_options import BODILESS
from app.domain.run import Reply
from app.domain.target import split

MAX_BODY: Final = 64 * 1024
"""Bytes of a response body that are read (or `Call.keep`, if that is more); then the connection is
closed."""

MAX_HEADER_LINES: Final = 100
"""Lines of all header sections of a response, those of interim responses included."""

MAX_HEADER_BYTES: Final = 64 * 1024

_LONG: Final = 4096
"""A body of at least this size is released after the call, as thousands of handles may be idle."""

MAX_STEPS: Final = 1000
"""Steps in which libcurl works on one call of HTTP/2; bytes that are sent or received allow more.

A call has about ten, and one more each second. Frames that carry no data, of which libcurl accepts
any number, need steps without end.
"""

MAX_STEPS_AT_ONCE: Final = 50
"""Steps between two returns of libcurl, which has not returned before while GOAWAY frames came."""

_LOOK_EVERY: Final = 16
"""After so many steps a call of HTTP/1 is looked at, which has about ten, eight of them at once. A
second look before libcurl has returned ends it, unless its bytes allow more: in each step libcurl
reads up to a mebibyte of chunk extensions."""

_STEP_BYTES: Final = 1024
"""Bytes of the request for which another step is allowed; 4 MiB take 130, more if sent slowly."""

_STEP_RECEIVED: Final = 64
"""Bytes of the answer's body for which another step is allowed, as they may come in small parts."""

_NOTHING: Final = Call("", ())

_HTTP_1: Final = pycurl.CURL_HTTP_VERSION_1_1

_UNACKNOWLEDGED_MS: Final = 20_000
"""After so long without an acknowledgement of what was sent, a connection of HTTP/2 is lost.

A call that ends by its timeout leaves such a connection open for the next call.
"""

_EXPECT_FROM: Final = 1024 * 1024
"""From this body size on, libcurl would send `Expect: 100-continue` and wait."""

Done = Callable[[Reply], object]


class Denial(Protocol):
    """Returns why no socket may be opened to an address, or None if it may."""

    def __call__(self, address: str, *, is_inbox: bool) -> str | None:
        """`is_inbox` is set for a call of one of this service's own inboxes."""


_REFUSE: Final = 0
"""A count of accepted bytes that is too low: libcurl ends the transfer and the connection."""

BLANK: Final = (b"\r\n", b"\n")
"""The line that ends a header section."""

_ABORT: Final = 1
"""What a progress callback returns for libcurl to end the transfer."""


class Transfer:
    """A libcurl handle, the call that it sends, and the part of the response received so far.

    `denial` is called with the address of every new socket, `on_fresh` with its number, `turn`
    tells how often libcurl has been called so far. The engine
    keeps here of the call in flight: `pin`, the address in use; `pins`, the addresses not tried
    yet; `may_go_on`, whether the next one may be tried; `started`, on the loop's clock; `dns` and
    `before`, the seconds from `started` to the end of the name lookup and to the start of this
    transfer; `fresh`, whether this transfer must open a new connection. `connect_within` is how
    many seconds the connection may take, its TLS handshake included.
    """

    __slots__ = (
        "_body_bytes",
        "_connect_to",
        "_denial",
        "_fresh",
        "_header_bytes",
        "_is_grpc",
        "_is_inbox",
        "_keep",
        "_method",
        "_nobody",
        "_on_fresh",
        "_opening",
        "_section",
        "_steps",
        "_steps_at_once",
        "_turn",
        "_turn_seen",
        "_url",
        "_within",
        "before",
        "body",
        "call",
        "connect_within",
        "curl",
        "denied",
        "dns",
        "done",
        "excess",
        "flooded",
        "fresh",
        "lines",
        "malformed",
        "may_go_on",
        "opened",
        "pin",
        "pins",
        "started",
        "too_many_headers",
        "unopened",
    )

    call: Call
    done: Done
    may_go_on: Callable[[], bool] | None
    pins: tuple[Pin, ...]
    started: float
    dns: float | None
    before: float
    fresh: bool

    def __init__(
        self,
        *,
        ca_file: str,
        denial: Denial,
        on_fresh: Callable[[int], object],
        turn: Callable[[], int],
    ) -> None:
        self._denial = denial
        self._on_fresh = on_fresh
        self._turn = turn
        self._opening: socket.SocketType | None = None
        self.pin = ""
        self._url = ""
        self._method = "POST"
        self._nobody = False
        self._keep = 0
        self._connect_to: tuple[str, ...] = ()
        self._within = 0.0
        self.connect_within = 0.0
        self._is_grpc = self._fresh = self._is_inbox = False
        self.curl = pycurl.Curl()
        self._set_up(ca_file)

    def load(self, pin: Pin, *, within: float, connect_within: float) -> None:
        """Prepare the handle to send `call` to the address of `pin`; the limits are in seconds.

        Sets only the options that differ from the previous call. Raises pycurl.error if libcurl
        rejects the URL or a header.
        """
        curl = self.curl
        url, headers, body, _, method, own, self._keep, is_grpc = self.call
        if url != self._url:
            curl.setopt(pycurl.URL, url)
            # libcurl would rewrite escapes such as %2f in the path; they are sent as booked.
            curl.setopt(pycurl.REQUEST_TARGET, split(url).path)
            self._url = url
        if method != self._method:
            # The handle is set up for POST; only the name of the method changes.
            curl.setopt(pycurl.CUSTOMREQUEST, method)
            self._method = method
        if pin.connect_to is not self._connect_to:
            curl.setopt(pycurl.CONNECT_TO, pin.connect_to)
            self._connect_to = pin.connect_to
            self.pin = pin.address
        self._is_inbox = pin.is_inbox
        if is_grpc is not self._is_grpc or self.fresh is not self._fresh:
            self._set_protocol(is_grpc=is_grpc)
        if within != self._within:
            curl.setopt(pycurl.TIMEOUT_MS, ceil(within * 1000))
            self._within = within
        if connect_within != self.connect_within:
            curl.setopt(pycurl.CONNECTTIMEOUT_MS, ceil(connect_within * 1000))
            self.connect_within = connect_within
        # In one piece, which libcurl sends unchanged: it copies and inspects each line of a list.
        head = ("\r\n".join(headers), *own) if headers else own
        curl.setopt(pycurl.HTTPHEADER, head if len(body) < _EXPECT_FROM else (*head, "Expect:"))
        nobody = not body and method == "HEAD"
        if nobody is not self._nobody:
            # After a HEAD no content is awaited, whatever Content-Length the response has.
            curl.setopt(pycurl.NOBODY, int(nobody))
            self._nobody = nobody
        if nobody:
            pass
        elif not body and method in BODILESS:
            curl.setopt(pycurl.HTTPGET, 1)
        else:
            # This also restores POST after a GET. The bytes are referenced, not copied.
            curl.setopt(pycurl.POSTFIELDS, body)
        self.lines: list[bytes] = []
        self.body = bytearray()
        self.denied: str | None = None
        self.unopened: str | None = None
        self.malformed: str | None = None
        self.opened = self.excess = self.too_many_headers = False
        self._header_bytes = self._body_bytes = self._section = 0
        self.flooded = False
        self._steps = self._steps_at_once = self._turn_seen = 0

    def unload(self) -> None:
        """Release the call; the handle must have been removed from the multi handle."""
        if len(self.call.body) >= _LONG:
            self.curl.setopt(pycurl.POSTFIELDS, b"")
        self.call = _NOTHING

    def close(self) -> None:
        """Free the handle, which must have been removed from the multi handle."""
        self._close_opening()
        self.curl.close()

    def _set_up(self, ca_file: str) -> None:
        for option, value in (
            (pycurl.NOSIGNAL, 1),
            (pycurl.POST, 1),
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
            (pycurl.HTTP_VERSION, _HTTP_1),
            (pycurl.HTTP09_ALLOWED, 0),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.TCP_NODELAY, 1),
            (pycurl.DNS_CACHE_TIMEOUT, 0),
            (pycurl.PROXY, ""),
            (pycurl.NOPROXY, "*"),
            (pycurl.NETRC, pycurl.NETRC_IGNORED),
            (pycurl.USERAGENT, USER_AGENT),
            (pycurl.ACCEPT_ENCODING, "identity"),
            (pycurl.HTTP_CONTENT_DECODING, 0),
            (pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2),
            (pycurl.SSL_VERIFYPEER, 1),
            (pycurl.SSL_VERIFYHOST, 2),
            (pycurl.CAINFO, ca_file),
            (pycurl.OPENSOCKETFUNCTION, self._on_open),
            (pycurl.SOCKOPTFUNCTION, self._on_opened),
            (pycurl.HEADERFUNCTION, self._on_header),
            (pycurl.WRITEFUNCTION, self._on_body),
            (pycurl.XFERINFOFUNCTION, self._on_step),
            (pycurl.NOPROGRESS, 0),
        ):
            self.curl.setopt(option, value)
        self.curl.unsetopt(pycurl.CAPATH)

    def _set_protocol(self, *, is_grpc: bool) -> None:
        # Without TLS, HTTP/2 is spoken from the first byte; with it, ALPN offers it alone.
        version = pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE if is_grpc else _HTTP_1
        self.curl.setopt(pycurl.HTTP_VERSION, version)
        self.curl.setopt(pycurl.FRESH_CONNECT, int(self.fresh))
        self._is_grpc, self._fresh = is_grpc, self.fresh

    def _on_open(self, _purpose: int, address: pycurl.CurlSockAddr) -> socket.SocketType | int:
        """Open the socket of a connection if its address is the checked one and still allowed."""
        self.opened = True
        self._close_opening()
        text = str(address.addr[0])
        if ":" in text:
            text = str(ip_address(text))
        self.denied = self._denial(text, is_inbox=self._is_inbox)
        if text != self.pin:
            self.denied = f"{text} is not the address that was checked."
        if self.denied is not None:
            return pycurl.SOCKET_BAD
        try:
            self._opening = socket.SocketType(address.family, address.socktype, address.protocol)
        except OSError as error:
            self.unopened = f"No socket could be opened: {error.strerror}."
            return pycurl.SOCKET_BAD
        return self._opening

    def _on_opened(self, fd: int, _purpose: int) -> int:
        # pycurl duplicates the socket: the first descriptor is closed, the second kept here.
        self._close_opening()
        os.set_inheritable(fd, False)  # noqa: FBT003 - takes no keyword
        if self._is_grpc:
            _limit_silence(fd)
        self._on_fresh(fd)
        return pycurl.SOCKOPT_OK

    def _on_header(self, line: bytes) -> int | None:
        self.lines.append(line)
        self._header_bytes += len(line)
        if len(self.lines) > MAX_HEADER_LINES or self._header_bytes > MAX_HEADER_BYTES:
            self.too_many_headers = True
            return _REFUSE
        return self._end_section() if line in BLANK else None

    def _end_section(self) -> int | None:
        section, self._section = self.lines[self._section :], len(self.lines)
        if answer_head.starts_head(section[0]):
            self.malformed = answer_head.fault(section)
        return None if self.malformed is None else _REFUSE

    def _on_body(self, chunk: bytes) -> int | None:
        self._body_bytes += len(chunk)
        missing = self._keep - len(self.body)
        if missing > 0:
            self.body += chunk[:missing]
        if self._body_bytes > max(MAX_BODY, self._keep):
            self.excess = True
            return _REFUSE
        return None

    def _on_step(self, *_progress: int) -> int | None:
        """Count a step of a call; end the call where frames come that end nothing.

        Over HTTP/1 these are chunk extensions: bytes are bounded elsewhere (received.py), but
        while they come faster than they are read, libcurl does not return.
        """
        self._steps += 1
        if not self._is_grpc:
            return _ABORT if self._steps % _LOOK_EVERY == 0 and self._floods() else None
        turn = self._turn()
        self._steps_at_once = self._steps_at_once + 1 if turn == self._turn_seen else 1
        self._turn_seen = turn
        most = MAX_STEPS + len(self.call.body) // _STEP_BYTES + self._body_bytes // _STEP_RECEIVED
        if self._steps > most or self._steps_at_once > MAX_STEPS_AT_ONCE:
            self.flooded = True
            return _ABORT
        return None

    def _floods(self) -> bool:
        """Whether libcurl has worked on a call of HTTP/1 for too long without returning."""
        turn = self._turn()
        if turn != self._turn_seen:
            self._turn_seen, self._steps_at_once = turn, self._steps
        moved = (len(self.call.body) + self._body_bytes) // _STEP_BYTES
        self.flooded = self._steps - self._steps_at_once >= _LOOK_EVERY + moved
        return self.flooded

    @property
    def body_bytes(self) -> int:
        """How many bytes of the response body have been received, including those not kept."""
        return self._body_bytes

    def _close_opening(self) -> None:
        if self._opening is not None:
            self._opening.close()
            self._opening = None


def _limit_silence(fd: int) -> None:
    with socket.socket(fileno=os.dup(fd)) as same:
        same.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)
