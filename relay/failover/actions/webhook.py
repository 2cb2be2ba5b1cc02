"""A signed call to a service of the bank's: POST asks for it, GET says how it stands, both with the same idempotency key.

Owns the signature and the reading of answers. It must never open a socket itself: the call is given. The traps: a POST that
got no answer may have worked, so it is never sent again before a GET says "absent"; only a refusal before the first byte,
or a 4xx that the service itself signed as "refused", is surely nothing; and a body that is not ours is no answer, whatever
its status.

Signature: `Relay-Signature: v1=<HMAC-SHA-256, hex>` over `relay webhook 1`, method, target, `Relay-Time`,
`Idempotency-Key` and body, with a zero byte between each two. Answers: JSON with `state` (absent, in-progress,
done, failed, refused) and `detail`.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final, Literal, Protocol

import msgspec

from relay.clock import Clock
from relay.failover.actions.port import ActionFailed, ActionRefused, Look, Scene, Sight
from relay.failover.deeds import WebhookDeed

CALL_MS: Final = 10_000
DETAIL_CHARS_MAX: Final = 300


class WebAnswer(msgspec.Struct, frozen=True):
    """`is_sent` false: not one byte left this host. `status` 0: no whole answer came."""

    status: int
    body: bytes = b""
    is_sent: bool = True


class WebCall(Protocol):
    async def __call__(self, method: str, url: str, headers: dict[str, str], body: bytes, timeout_ms: int) -> WebAnswer: ...


class _Said(msgspec.Struct, frozen=True):
    state: Literal["absent", "in-progress", "done", "failed", "refused"]
    detail: str = ""


class _Order(msgspec.Struct, frozen=True):
    verb: str
    run: str
    step: str
    epoch: int
    region: str
    undo: bool


class WebhookAction:
    """`secret` signs; `call` is the door to HTTP."""

    def __init__(self, deed: WebhookDeed, secret: bytes, call: WebCall, clock: Clock) -> None:
        self._deed = deed
        self._secret = secret
        self._call = call
        self._clock = clock

    async def observe(self, scene: Scene) -> Look:
        answer = await self._ask("GET", scene, b"")
        said = _read(answer)
        if answer.status != 200 or said is None or said.state == "refused":
            return Look(Sight.UNKNOWN, f"status {answer.status}" if answer.is_sent else "it cannot be reached")
        return Look(Sight(said.state), said.detail[:DETAIL_CHARS_MAX])

    async def act(self, scene: Scene) -> str:
        order = _Order(self._deed.verb, scene.run, scene.step, scene.epoch, scene.to_region, scene.is_undo)
        answer = await self._ask("POST", scene, msgspec.json.encode(order))
        said = _read(answer)
        if not answer.is_sent:
            raise ActionRefused("it cannot be reached")
        if 400 <= answer.status < 500 and said is not None and said.state == "refused":
            raise ActionRefused(said.detail[:DETAIL_CHARS_MAX] or f"status {answer.status}")
        if not 200 <= answer.status < 300:
            raise ActionFailed(f"status {answer.status}" if answer.status else "no answer")
        return f"status {answer.status}" if said is None else f"{said.state} {said.detail}"[:DETAIL_CHARS_MAX].strip()

    async def compensate(self, scene: Scene) -> str:
        return await self.act(scene)  # the order says `undo`

    async def _ask(self, method: str, scene: Scene, body: bytes) -> WebAnswer:
        moment = str(self._clock.wall_ms())
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": scene.token,
            "Relay-Time": moment,
            "Relay-Signature": signature(self._secret, method, target_of(self._deed.url), moment, scene.token, body),
        }
        return await self._call(method, self._deed.url, headers, body, CALL_MS)


def signature(secret: bytes, method: str, target: str, moment: str, key: str, body: bytes) -> str:
    """The value of `Relay-Signature`."""
    said = b"\0".join((b"relay webhook 1", method.encode(), target.encode(), moment.encode(), key.encode(), body))
    return "v1=" + hmac.new(secret, said, hashlib.sha256).hexdigest()


def target_of(url: str) -> str:
    """Path and query of a URL, as they stand in the request line."""
    rest = url.partition("://")[2]
    return "/" + rest.partition("/")[2]


def _read(answer: WebAnswer) -> _Said | None:
    try:
        return msgspec.json.decode(answer.body, type=_Said)
    except msgspec.DecodeError:
        return None
