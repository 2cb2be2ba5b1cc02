"""The simulated way to the core: an `HttpDoor` over the fake core, with faults on the way there and back.

Owns delay, loss and disorder between the relay's client and the ledger. It must never know an outcome: it carries HTTP. The
trap: whether the ledger was reached and whether the answer came back are drawn apart, because that is what doubt is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache
from random import Random
from urllib.parse import unquote

import msgspec

from relay.core.contract import (
    H_REGION_EPOCH,
    REGION_PATH,
    REVERSALS_SUFFIX,
    TRANSACTIONS_PATH,
    InquiryAnswer,
    ReversalRequest,
    read_key_field,
)
from relay.core.door import Address, HttpAnswer, HttpCall, HttpResult, Lost, NotSent, Why
from relay.loopback.core import FakeCore
from relay.loopback.faults import Fault, FaultInjector
from relay.loopback.ledger import Caller
from tests.support.virtualtime import VirtualTime

POISON_SHARE = 0.1
OVERTAKEN_SHARE = 0.7  # of our reversals, while there is another center
REFUSED_SHARE = 0.3  # of calls while the network to the core is down: refused at once; the rest hang


class _Call:
    """One call on its way. `finish` once, whatever happens first."""

    def __init__(self, done: Callable[[HttpResult], None]) -> None:
        self._done: Callable[[HttpResult], None] | None = done

    def finish(self, result: HttpResult) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(result)

    def cancel(self) -> None:
        self.finish(Lost(Why.CANCELLED))


class Region:
    """What outlives a relay on the core's side of the network: stale answers, poison, and the epochs that were spoken to."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self.is_stale = False  # the old region answers where the region is asked for: it woke up, or a name server lies
        self.is_poisoning = False
        self.poison: set[str] = set()  # keys of advices that the core can never digest
        self.highest_epoch = 0  # of all calls that may move money
        self.lower_epochs: list[int] = []  # of calls that came after a higher one
        self.is_dying = (
            False  # the region's last moments: what it posts now never reaches the next one, and its answers come late
        )
        self.slow_ms = 0  # the most that each call takes longer
        self.has_other_center = False  # another relay center asks for what ours is about to undo, and undoes it itself
        self.dying: dict[str, list[Callable[[], None]]] = {}  # by key posted in them: answers that are on their way

    def hold(self, key: str, is_new: bool, deliver: Callable[[], None]) -> bool:
        """Whether this answer is one of the dying region's: it comes when the relay knows better."""
        if not self.is_dying or not (is_new or key in self.dying):
            return False
        self.dying.setdefault(key, []).append(deliver)
        return True

    def called(self, target: str, headers: dict[str, str], body: bytes) -> None:
        """Watch one call."""
        if target.startswith(REGION_PATH):
            return
        epoch = int(headers.get(H_REGION_EPOCH.lower(), "0"))
        if epoch < self.highest_epoch:
            self.lower_epochs.append(epoch)
        self.highest_epoch = max(self.highest_epoch, epoch)
        key = headers.get("idempotency-key", "")
        if self.is_poisoning and b'"journal-upload"' in body and self._chance.random() < POISON_SHARE:
            self.poison.add(key)


class SimulatedDoor:
    """Fulfils HttpDoor for one relay incarnation; the core behind it outlives it."""

    def __init__(self, time: VirtualTime, chance: Random, core: FakeCore, faults: FaultInjector, region: Region) -> None:
        self._time = time
        self._chance = chance
        self._core = core
        self._faults = faults
        self._region = region
        self.is_dead = False  # the relay's process is gone: what was sent still arrives, nothing comes back
        self.is_cut = False
        self.is_read_only = False

    def call(self, address: Address, call: HttpCall, timeout_ms: int, done: Callable[[HttpResult], None]) -> _Call:
        self._region.called(call.target.decode("ascii"), _headers(call), call.body)
        under_way = _Call(lambda result: None if self.is_dead else done(result))
        if self.is_cut and self._chance.random() < REFUSED_SHARE:
            under_way.finish(NotSent(Why.REFUSED))
            return under_way
        self._time.after(timeout_ms, lambda: under_way.finish(Lost(Why.DEADLINE)))
        if not self.is_cut:
            self._time.after(self._chance.randint(1, 20), lambda: self._arrive(call, under_way))
        return under_way

    def keep_only(self, addresses: Collection[Address]) -> None:
        """Every address leads to the same fake core."""

    def renew(self) -> None:
        """No connections are kept."""

    def _arrive(self, call: HttpCall, under_way: _Call) -> None:
        drawn = self._faults.draw() if self._faults.is_on else None
        if drawn is None:
            self._answer(call, under_way, self._chance.randint(1, 20 + self._region.slow_ms))
            return
        match drawn.fault:
            case Fault.LATE_COMMIT:
                self._time.after(drawn.delay_ms, lambda: self._handle(call))
                under_way.finish(Lost(Why.CLOSED))
            case Fault.SLOW:
                self._answer(call, under_way, drawn.delay_ms)
            case Fault.DUPLICATE_REPLY:
                self._answer(call, under_way, 1)
            case Fault.DROP_AFTER_COMMIT | Fault.CLOSE_MID_ANSWER:
                self._handle(call)
                self._time.after(self._chance.randint(1, 20), lambda: under_way.finish(Lost(Why.CLOSED)))
            case fault:
                if drawn.commits:
                    self._handle(call)
                answer = {
                    Fault.CORE_5XX: HttpAnswer(500, {b"content-type": b"text/plain"}, b"internal error"),
                    Fault.PROXY_503: HttpAnswer(503, {b"content-type": b"text/html"}, b"<html>503</html>"),
                    Fault.GARBAGE: HttpAnswer(200, {b"content-type": b"application/json"}, b'{"status":"appro'),
                }.get(fault)
                if answer is not None:  # else it hangs until the call's own deadline
                    self._time.after(self._chance.randint(1, 20), lambda: under_way.finish(answer))

    def _answer(self, call: HttpCall, under_way: _Call, delay_ms: int) -> None:
        headers = _headers(call)
        key = read_key_field(headers.get("idempotency-key", ""))
        is_new = call.method == b"POST" and call.target == b"/v1/transactions" and not self._core.ledger.knows(key)
        result = self._handle(call)
        if self._region.hold(key, is_new, lambda: under_way.finish(result)):
            return
        self._time.after(delay_ms, lambda: under_way.finish(result))

    def _handle(self, call: HttpCall) -> HttpAnswer:
        headers = _headers(call)
        method, target = call.method.decode("ascii"), call.target.decode("ascii")
        region, ledger = self._region, self._core.ledger
        is_poison = headers.get("idempotency-key", "-") in region.poison
        if region.is_stale and target.startswith(REGION_PATH) and ledger.epoch > 1:
            region_said = msgspec.json.encode({"region": "osaka", "epoch": ledger.epoch - 1, "state": "serving"})
            return HttpAnswer(200, {b"content-type": b"application/json"}, region_said)
        if region.has_other_center and method == "POST" and target.endswith(REVERSALS_SUFFIX):
            self._overtake(target, call.body)
        answer = self._core.handle(method, target, headers, b"{}" if is_poison else call.body, self._time.wall_ms())
        found = {name.lower().encode(): value.encode("latin-1") for name, value in answer.headers}
        return HttpAnswer(answer.status, {**found, b"content-type": answer.content_type.encode()}, answer.body)

    def _overtake(self, target: str, body: bytes) -> None:
        """The other center was asked for this key by its terminal, and asks the core just before our reversal comes. What it
        finds it undoes a little later, because its terminal has gone too."""
        ledger = self._core.ledger
        wanted = msgspec.json.decode(body, type=ReversalRequest)
        if not wanted.automatic or int(wanted.standing.minor) or self._chance.random() > OVERTAKEN_SHARE:
            return
        key = unquote(target[len(TRANSACTIONS_PATH) + 1 : -len(REVERSALS_SUFFIX)])
        theirs = Caller(f"osaka/1/{len(ledger.movements)}", "osaka", 1, ledger.epoch)
        found = ledger.inquire(key, theirs)
        if not isinstance(found, InquiryAnswer) or found.state != "posted":
            return
        undo = ReversalRequest(standing=wanted.standing, automatic=True, attempt=theirs.attempt)

        def undone() -> None:
            now = Caller(theirs.attempt, "osaka", 1, ledger.epoch)
            ledger.reverse(key, undo, now, self._time.wall_ms())

        self._time.after(self._chance.randint(100, 2_000), undone)


def _headers(call: HttpCall) -> dict[str, str]:
    """Not to be changed: the same for all who look at this call."""
    return _headers_of(call.head)


@lru_cache(maxsize=256)
def _headers_of(head: bytes) -> dict[str, str]:
    lines = [line.partition(": ") for line in head.decode("latin-1").split("\r\n") if line]
    return {name.lower(): value for name, _, value in lines}
