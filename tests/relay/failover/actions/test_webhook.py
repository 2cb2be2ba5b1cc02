"""A signed call: what is signed, what each answer means, and that an answer that was lost is not "nothing happened"."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from relay.failover.actions.port import ActionFailed, ActionRefused, Scene, Sight
from relay.failover.actions.webhook import WebAnswer, WebhookAction, signature, target_of
from relay.failover.deeds import WebhookDeed
from tests.support.virtualtime import VirtualTime

SCENE = Scene(run="r1", step="s", token="r1/s", old_epoch=7, epoch=8, from_region="tokyo", to_region="osaka", center="tokyo")
DEED = WebhookDeed(url="https://rules.bank.example/v1/open?x=1", secret="hook", verb="open")
SECRET = b"s" * 32


class Service:
    def __init__(self, *answers: WebAnswer) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, str], bytes]] = []

    async def __call__(self, method: str, url: str, headers: dict[str, str], body: bytes, timeout_ms: int) -> WebAnswer:
        assert url == DEED.url
        self.asked.append((method, headers, body))
        return self.answers.pop(0)


def hook(*answers: WebAnswer) -> tuple[WebhookAction, Service]:
    service = Service(*answers)
    return WebhookAction(DEED, SECRET, service, VirtualTime()), service


async def test_what_is_sent_is_signed_and_has_the_same_key_each_time() -> None:
    action, service = hook(WebAnswer(202), WebAnswer(200, b'{"state": "done"}'))
    await action.act(SCENE)
    await action.observe(SCENE)
    (method, headers, body), (_, again, _) = service.asked
    assert headers["Idempotency-Key"] == again["Idempotency-Key"] == "r1/s"
    said = b"\0".join((b"relay webhook 1", b"POST", b"/v1/open?x=1", headers["Relay-Time"].encode(), b"r1/s", body))
    assert headers["Relay-Signature"] == "v1=" + hmac.new(SECRET, said, hashlib.sha256).hexdigest()
    assert method == "POST"
    assert b'"epoch":8' in body


def test_the_signature_follows_every_part() -> None:
    base = ("POST", "/a", "1", "k", b"b")
    made = {signature(SECRET, *base)}
    for changed in (
        ("GET", *base[1:]),
        ("POST", "/b", *base[2:]),
        (*base[:2], "2", *base[3:]),
        (*base[:3], "l", b"b"),
        (*base[:4], b"c"),
    ):
        made.add(signature(SECRET, *changed))
    assert len(made) == 6
    assert target_of("https://x") == "/"


@pytest.mark.parametrize(
    ("answer", "sight"),
    [
        (WebAnswer(200, b'{"state": "absent"}'), Sight.ABSENT),
        (WebAnswer(200, b'{"state": "in-progress", "detail": "3 of 9"}'), Sight.IN_PROGRESS),
        (WebAnswer(200, b'{"state": "failed"}'), Sight.FAILED),
        (WebAnswer(200, b"<html>welcome</html>"), Sight.UNKNOWN),
        (WebAnswer(404, b'{"state": "absent"}'), Sight.UNKNOWN),
        (WebAnswer(0, is_sent=False), Sight.UNKNOWN),
    ],
)
async def test_an_answer_is_what_it_says_or_nothing(answer: WebAnswer, sight: Sight) -> None:
    assert (await hook(answer)[0].observe(SCENE)).sight is sight


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (WebAnswer(0, is_sent=False), ActionRefused),
        (WebAnswer(409, b'{"state": "refused", "detail": "frozen"}'), ActionRefused),
        (WebAnswer(429), ActionFailed),
        (WebAnswer(500, b'{"state": "refused"}'), ActionFailed),
        (WebAnswer(0), ActionFailed),
    ],
)
async def test_only_what_surely_did_nothing_is_refused(answer: WebAnswer, kind: type[ActionFailed]) -> None:
    with pytest.raises(ActionFailed) as caught:
        await hook(answer)[0].act(SCENE)
    assert type(caught.value) is kind


async def test_the_opposite_is_an_order_that_says_so() -> None:
    action, service = hook(WebAnswer(200))
    undo = Scene(**{**{name: getattr(SCENE, name) for name in SCENE.__struct_fields__}, "is_undo": True})
    await action.compensate(undo)
    assert b'"undo":true' in service.asked[0][2]
