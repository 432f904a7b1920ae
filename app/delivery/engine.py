"""Engine: the one outbound client, with thousands of calls at once on one libcurl multi handle."""

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
from app.delivery.received import MAX_RECEIVED, ReceivedBytes
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
    """Sends calls and returns their replies through callbacks, all in the loop's thread.

    `ca_file` holds the trusted roots in PEM (certifi's by default). `connect_timeout` is in
    seconds and applies to each address that is tried. Up to `keep_connections` connections stay
    open between calls. The caller limits the open connections by the calls that it has in flight:
    libcurl's own limit would let calls wait for a connection past their deadline.
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
        self._pending: set[_PendingCall] = set()
        self._in_flight = 0
        self._closed = False
        self._armed: dict[int, int] = {}
        self._wanted: dict[int, int] = {}
        self._received = ReceivedBytes(MAX_RECEIVED)
        self._pumping = False
        self._turn = 0
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
        """How many calls have been posted and not been answered yet."""
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

        An error of the call, its target or the response becomes an error in the Reply. The only
        exception raised is RuntimeError, after `close`. If the call had to wait for its host name
        to be resolved, `may_begin` is called before anything is sent. If a connection to an address
        failed, `may_go_on` is called before the next address is tried. If either returns False,
        the error is `withdrawn` and nothing was sent.
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
        admission = self._guard.known(target.host, is_inbox=self._guard.is_inbox(target))
        if admission is not None:
            self._begin(call, done, may_go_on, admission, started)
            return
        pending = _PendingCall(call, done, may_begin, may_go_on, started)
        pending.limit = self._loop.call_at(started + call.timeout, self._on_timeout, pending)
        self._pending.add(pending)
        self._guard.ask(target, lambda admission: self._on_admission(pending, admission))

    def prepare(self, url: str) -> None:
        """Resolve and check the host of `url`, for a call that is posted later."""
        try:
            target = split(url)
        except InvalidMember:
            return
        if self._guard.known(target.host, is_inbox=self._guard.is_inbox(target)) is None:
            self._guard.ask(target, lambda _: None)  # the guard keeps it

    def close(self) -> None:
        """Abort the calls in flight (error `aborted`), close all connections, free all handles."""
        if self._closed:
            return
        self._closed = True
        self._guard.close()
        gone = outcome.unanswered("aborted", "The sender was stopped.")
        for transfer in self._busy.values():
            self._multi.remove_handle(transfer.curl)
        unanswered = [each.done for each in self._pending]
        unanswered += [each.done for each in self._busy.values()]
        for transfer in (*self._busy.values(), *self._idle):
            transfer.close()
        self._multi.close()
        for fd in self._armed:
            self._loop.unwatch(fd)
        for pending in self._pending:
            if pending.limit is not None:
                self._loop.cancel(pending.limit)
        if self._alarm is not None:
            self._loop.cancel(self._alarm)
        self._wanted.clear()
        self._pending.clear()
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

    def _on_admission(self, pending: _PendingCall, admission: Admission) -> None:
        waited = self._loop.clock() - pending.started
        if pending not in self._pending or waited >= pending.call.timeout:
            return  # what was too late is answered by its timer: libcurl takes 0 for no limit
        self._pending.remove(pending)
        if pending.limit is not None:
            self._loop.cancel(pending.limit)
        if pending.may_begin is not None and not pending.may_begin():
            self._refuse(pending.done, *_WITHDRAWN)
            return
        self._begin(
            pending.call, pending.done, pending.may_go_on, admission, pending.started, waited
        )

    def _on_timeout(self, pending: _PendingCall) -> None:
        self._pending.remove(pending)
        waited = pending.call.timeout
        detail = f"The host's name was not resolved within the {waited:g} s of the call."
        self._answer(pending.done, outcome.unanswered("timeout", detail, total=waited))

    def _try(self, transfer: Transfer) -> None:
        """Send to the first of the remaining addresses, within the remaining time."""
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
            return  # the callback of another reply has closed the engine
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
        """Whether nothing was sent, and another address remains and time to try it."""
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
        except Exception as error:  # noqa: BLE001 - the callback of one reply must not end other calls
            report(done, error)

    def _new_transfer(self) -> Transfer:
        return Transfer(
            ca_file=self._ca_file,
            denial=self._guard.denial,
            on_fresh=self._on_fresh,
            turn=lambda: self._turn,
        )

    # libcurl's callbacks: they must not call the multi handle, so they only store what to do.

    def _on_socket(self, what: int, fd: int, _multi: pycurl.CurlMulti, _data: object) -> None:
        """Watch a socket for the events that libcurl asks for.

        A socket that is idle between two calls stays watched, which saves two system calls for each
        call on a kept connection. If the server closes it, `_on_ready` runs once and unwatches it.
        """
        if what == pycurl.POLL_REMOVE:
            self._wanted[fd] = 0
            self._received.end(fd)
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
        """Unwatch the number of a new socket: a closed one of this number may still be watched."""
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
        self._turn += 1
        self._received.turn(fd)
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
        """Handle finished transfers, and start the calls that their callbacks have posted."""
        self._pumping = False
        if self._closed:
            return
        self._collect()
        if self._expired and not self._closed:
            self._expired = False
            self._turn += 1
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            self._collect()

    def _collect(self) -> None:
        _, finished, failed = self._multi.info_read()
        for curl in finished:
            self._finish(curl, pycurl.E_OK, "")
        for curl, number, text in failed:
            self._finish(curl, number, text)


class _PendingCall:
    """A call whose host is being resolved and checked; the timer `limit` ends it in time."""

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
