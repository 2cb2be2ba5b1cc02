"""The demo's plan: early, of every kind, and calm at its end."""

from __future__ import annotations

from relay.loopback import demo
from relay.loopback.scenario import Trouble


def test_a_demo_shows_every_kind_within_its_first_half_minute_and_ends_calm() -> None:
    assert {step.what for step in demo.troubles(30)} == set(Trouble)
    assert all(step.at_s < 9 for step in demo.troubles(12))
    assert demo.troubles(3) == []
    assert len(demo.troubles(None)) > 10_000


def test_an_atm_waits_longer_than_the_relay_promises_to_answer() -> None:
    assert demo.settings(20, None).policy.reply_timeout_ms > demo.STAGE.reply_deadline_ms > demo.STAGE.call_timeout_ms
    assert demo.settings(20, 7.0).duration_s == 7.0
