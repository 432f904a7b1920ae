"""Engine: the one outbound client, thousands of POSTs at once through one libcurl multi handle."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import inf
from typing import Final

import certifi
import pycurl

from app.delivery import outcome
from app.delivery.guard import Admission, Guard
from app.delivery.loop import Loop, Timer, report
from app.delivery.request import Call
from app.delivery.transfer import Done, Transfer
from app.domain.ports import judge_port
from app.domain.run import Reply
from app.domain.target import split
from app.errors import InvalidMember

_IDLE_HANDLES: Final = 4096
_VISIBLE: Final = re.compile("[ -~]*")
_WITHDRAWN: Final = ("withdrawn", "The call was withdrawn before anything was sent.")
_RETRIED: Final = frozenset({pycurl.E_COULDNT_CONNECT, pycurl.E_OPERATION_TIMEDOUT})


class Engine:
    """Sends calls and hands back their replies, all in the loop's thread.

    `ca_file` holds the trusted roots in PEM (certifi's by default). `connect_timeout` is in
    seconds and counts for each address tried. `keep_connections` stay open between calls;
    how many are open at once is up to the caller, by the calls it has in flight (libcurl's own
    bound lets calls wait for a connection past their deadline).
    """

    def __init__(
        self,
        loop: Loop,
        guard: Guard,
        *,
        ca_file: str | None = None,
        connect_timeout: float = 5.0,
        keep_connections: int = 2048,
    ) -> None:
        self._loop = loop
        self._guard = guard
        self._ca_file = ca_file or certifi.where()
        self._connect_timeout = connect_timeout
        self._idle: list[Transfer] = []
        self._busy: dict[pycurl.Curl, Transfer] = {}
        self._held: set[_Held] = set()
        self._in_flight = 0
        self._closed = False
        self._armed: dict[int, int] = {}
        self._wanted: dict[int, int] = {}
        self._pumping = False
        self._expired = False
        self._expiry = inf
        self._alarm: Timer | None = None
        self._alarm_at = inf
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, keep_connections)
        # Calls of HTTP/2 share no connection: one of them could end those of other accounts.
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_NOTHING)

    @property
    def in_flight(self) -> int:
        """Calls handed in and not yet answered."""
        return self._in_flight

    def post(
        self,
        call: Call,
        done: Done,
        *,
        may_begin: Callable[[], bool] | None = None,
        may_go_on: Callable[[], bool] | None = None,
    ) -> None:
        """Send `call`; `done` is called once, later and in the loop's thread, with its Reply.

        Whatever is wrong with the call, its target or the answer becomes an error in the
        Reply; nothing is raised but RuntimeError after `close`. Where the call had to wait
        for its name to be resolved, `may_begin` is asked before anything is sent; where an
        address could not be connected to, `may_go_on` is asked before the next one is tried. If
        either says no, the error is `withdrawn` and nothing was sent.
        """
        if self._closed:
            raise RuntimeError("The engine is closed.")
        self._in_flight += 1
        started = self._loop.clock()
        try:
            target = split(call.url)
        except InvalidMember as refusal:
            self._refuse(done, "invalid-request", refusal.message)
            return
        bad_port = judge_port(target.port)
        if bad_port is not None:
            self._refuse(done, "denied-address", bad_port)
            return
        if not _VISIBLE.fullmatch("".join(call.headers + call.own)):
            self._refuse(done, "invalid-request", "A header holds more than visible ASCII.")
            return
        admission = self._guard.known(target.host)
        if admission is not None:
            self._begin(call, done, may_go_on, admission, started)
            return
        held = _Held(call, done, may_begin, may_go_on, started)
        held.limit = self._loop.call_at(started + call.timeout, self._on_held_too_long, held)
        self._held.add(held)
        self._guard.ask(target, lambda admission: self._on_admitted(held, admission))

    def prepare(self, url: str) -> None:
        """Have the host of `url` resolved and judged by the time a call to it is handed in."""
        try:
            target = split(url)
        except InvalidMember:
            return
        if self._guard.known(target.host) is None:
            self._guard.ask(target, _ignore)

    def close(self) -> None:
        """Break off what is under way (error `aborted`), close all connections, free all."""
        if self._closed:
            return
        self._closed = True
        self._guard.close()
        gone = outcome.unanswered("aborted", "The sender was stopped.")
        for transfer in self._busy.values():
            self._multi.remove_handle(transfer.curl)
        unanswered = [each.done for each in self._held]
        unanswered += [each.done for each in self._busy.values()]
        for transfer in (*self._busy.values(), *self._idle):
            transfer.close()
        self._multi.close()
        for fd in self._armed:
            self._loop.unwatch(fd)
        for held in self._held:
            if held.limit is not None:
                self._loop.cancel(held.limit)
        if self._alarm is not None:
            self._loop.cancel(self._alarm)
        self._wanted.clear()
        self._held.clear()
        self._busy.clear()
        self._idle.clear()
        for done in unanswered:
            self._answer(done, gone)

    def _begin(
        self,
        call: Call,
        done: Done,
        may_go_on: Callable[[], bool] | None,
        admission: Admission,
        started: float,
        waited: float | None = None,
    ) -> None:
        if admission.error is not None:
            detail = admission.detail or ""
            reply = outcome.unanswered(
                admission.error,
                detail,
                dns=waited,
                total=waited or 0.0,
                log_detail=admission.log_detail,
            )
            self._loop.call_soon(self._answer, done, reply)
            return
        transfer = self._idle.pop() if self._idle else self._new_transfer()
        transfer.call = call
        transfer.done = done
        transfer.may_go_on = may_go_on
        transfer.pins = admission.pins
        transfer.started = started
        transfer.dns = waited
        transfer.before = waited or 0.0
        transfer.fresh = False
        self._try(transfer)

    def _on_admitted(self, held: _Held, admission: Admission) -> None:
        if held not in self._held:
            return
        self._held.remove(held)
        if held.limit is not None:
            self._loop.cancel(held.limit)
        if held.may_begin is not None and not held.may_begin():
            self._refuse(held.done, *_WITHDRAWN)
            return
        waited = self._loop.clock() - held.started
        self._begin(held.call, held.done, held.may_go_on, admission, held.started, waited)

    def _on_held_too_long(self, held: _Held) -> None:
        self._held.remove(held)
        waited = held.call.timeout
        detail = f"The host's name was not resolved within the {waited:g} s of the call."
        self._answer(held.done, outcome.unanswered("timeout", detail, total=waited))

    def _try(self, transfer: Transfer) -> None:
        """Send to the first of the addresses left, within the time left for all of them."""
        pins = transfer.pins
        left = transfer.call.timeout - transfer.before
        connect_within = min(self._connect_timeout, left / len(pins))
        try:
            transfer.load(pins[0], within=left, connect_within=connect_within)
            self._multi.add_handle(transfer.curl)
        except pycurl.error as error:
            transfer.unload()
            self._idle.append(transfer)
            self._refuse(transfer.done, "invalid-request", f"{error.args[-1]}.")
            return
        self._busy[transfer.curl] = transfer

    def _finish(self, curl: pycurl.Curl, number: int, text: str) -> None:
        transfer = self._busy.pop(curl, None)
        if transfer is None:
            return  # closed by what was done with another reply
        self._multi.remove_handle(curl)
        if number in _RETRIED and len(transfer.pins) > 1 and self._has_another(transfer):
            if transfer.may_go_on is None or transfer.may_go_on():
                self._try(transfer)
                return
            reply = outcome.unanswered(*_WITHDRAWN, dns=transfer.dns, total=transfer.before)
        elif transfer.call.is_grpc and self._may_repeat(transfer, number):
            self._try(transfer)
            return
        else:
            reply = outcome.read(transfer, number, text)
        done = transfer.done
        transfer.unload()
        if len(self._idle) < _IDLE_HANDLES:
            self._idle.append(transfer)
        else:
            transfer.close()
        self._answer(done, reply)

    def _has_another(self, transfer: Transfer) -> bool:
        """Whether nothing was sent yet, and there is another address and time to try it."""
        if transfer.denied is not None or not outcome.connecting(transfer):
            return False
        transfer.pins = transfer.pins[1:]
        transfer.before = self._loop.clock() - transfer.started
        return transfer.before < transfer.call.timeout

    def _may_repeat(self, transfer: Transfer, number: int) -> bool:
        """Whether a gRPC call is sent again, as its kept connection had been closed.

        Of HTTP/1 libcurl does that by itself. Several kept connections may have been closed, so
        that the second try opens a new one.
        """
        if transfer.fresh or not outcome.was_closed_before(transfer, number):
            return False
        if transfer.may_go_on is not None and not transfer.may_go_on():
            return False
        transfer.fresh = True
        transfer.before = self._loop.clock() - transfer.started
        return transfer.before < transfer.call.timeout

    def _refuse(self, done: Done, error: str, detail: str) -> None:
        self._loop.call_soon(self._answer, done, outcome.unanswered(error, detail))

    def _answer(self, done: Done, reply: Reply) -> None:
        self._in_flight -= 1
        try:
            done(reply)
        except Exception as error:  # noqa: BLE001 - what is done with one reply ends no other call
            report(done, error)

    def _new_transfer(self) -> Transfer:
        return Transfer(ca_file=self._ca_file, denial=self._guard.denial, on_fresh=self._on_fresh)

    # libcurl's callbacks: they may not call back into the multi handle, so they only take note.

    def _on_socket(self, what: int, fd: int, _multi: pycurl.CurlMulti, _data: object) -> None:
        """Watch a socket as libcurl wants.

        A socket that rests between two calls stays watched (a server's close wakes us once,
        `_on_ready` then drops it): two system calls less for each call on a kept connection.
        """
        if what == pycurl.POLL_REMOVE:
            self._wanted[fd] = 0
            return
        self._wanted[fd] = what
        armed = self._armed.get(fd)
        if armed == what:
            return
        if armed is None:
            self._loop.watch(fd, what, self._on_ready)
        else:
            self._loop.rewatch(fd, what, self._on_ready)
        self._armed[fd] = what

    def _on_fresh(self, fd: int) -> None:
        """A new socket has got the number of one that was closed while still watched."""
        if self._armed.pop(fd, None) is not None:
            self._loop.unwatch(fd)

    def _on_timer(self, milliseconds: int) -> None:
        if milliseconds == 0:
            self._expiry = inf
            self._expired = True
            self._plan_pump()
        elif milliseconds < 0:
            self._expiry = inf
        else:
            self._expiry = self._loop.clock() + milliseconds / 1000
            if self._expiry < self._alarm_at:
                self._set_alarm()

    # The loop's callbacks.

    def _on_ready(self, fd: int, events: int) -> None:
        wanted = self._wanted.get(fd, 0)
        if not wanted:
            self._armed.pop(fd, None)
            self._loop.unwatch(fd)
            return
        self._multi.socket_action(fd, events)
        self._plan_pump()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._loop.cancel(self._alarm)
        self._alarm_at = self._expiry
        self._alarm = self._loop.call_at(self._alarm_at, self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = None
        self._alarm_at = inf
        if self._expiry <= self._loop.clock():
            self._expired = True
            self._plan_pump()
        elif self._expiry < inf:
            self._set_alarm()

    def _plan_pump(self) -> None:
        if not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Collect what is finished, and start what that has handed in."""
        self._pumping = False
        if self._closed:
            return
        self._collect()
        if self._expired and not self._closed:
            self._expired = False
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            self._collect()

    def _collect(self) -> None:
        _, finished, failed = self._multi.info_read()
        for curl in finished:
            self._finish(curl, pycurl.E_OK, "")
        for curl, number, text in failed:
            self._finish(curl, number, text)


class _Held:
    """A call that waits for the guard's word; `limit` ends it when its time is up."""

    __slots__ = ("call", "done", "limit", "may_begin", "may_go_on", "started")

    def __init__(
        self,
        call: Call,
        done: Done,
        may_begin: Callable[[], bool] | None,
        may_go_on: Callable[[], bool] | None,
        started: float,
    ) -> None:
        self.call = call
        self.done = done
        self.may_begin = may_begin
        self.may_go_on = may_go_on
        self.started = started
        self.limit: Timer | None = None


def _ignore(_admission: Admission) -> None:
    """`prepare` wants the word known, not told."""
