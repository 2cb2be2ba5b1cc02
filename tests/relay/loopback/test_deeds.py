"""The default ATM hangs together."""

from __future__ import annotations

from relay.loopback.deeds import AtmPolicy


def test_the_default_policy_repeats_before_it_gives_up_and_backs_off_within_bounds() -> None:
    policy = AtmPolicy()
    assert 0 < policy.repeat_after_ms < policy.reply_timeout_ms
    assert 0 < policy.reconnect_first_ms < policy.reconnect_max_ms
    assert 0 <= policy.not_taken_share <= policy.repeat_share <= 1
    assert policy.deposit_tries_max >= 1
