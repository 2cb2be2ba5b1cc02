"""How a make of ATM behaves, and what its mind asks of whoever drives it. Values only.

Owns the policy and the deeds; the fleet does them on sockets, the simulation on virtual time. It must never decide. The
trap: a deed is done in the order it was given; a `Ready` before the `Say` of an owed reversal would serve a customer first.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from protocols.iso8583.message import IsoMessage


class AtmPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How this make of ATM behaves."""

    reply_timeout_ms: float = 10_000
    repeat_after_ms: float = 4_000  # silence after which a repeater asks again (0201)
    repeat_share: float = 0.3  # of acts whose ATM repeats at all, before the timeout or on a new link
    reversal_repeat_ms: float = 2_000
    sign_on_timeout_ms: float = 5_000
    echo_after_ms: float = 0  # silence after which it sends an echo; 0 = never
    deposit_tries_max: int = 3  # a deposit is asked so often before its customer goes; the machine goes on asking
    not_taken_share: float = 0.003  # customers who leave their notes, so that an approved withdrawal is reversed
    reconnect_first_ms: float = 200
    reconnect_max_ms: float = 3_000
    utc_offset_minutes: int = 540
    day_offset_minutes: int = 0  # of the days whose totals it states
    totals_repeat_ms: float = 2_000  # silence after which the totals of the day are stated again (0501)
    totals_off_minor: int = 0  # a mistake in the debits that it states, for somebody to find


class NdcPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How this make of machine behaves. Shares are of dispenses, but for the last four."""

    key_ms: float = 2.0  # a customer's step
    reply_timeout_ms: float = 8_000
    short_share: float = 0.03
    none_share: float = 0.03
    unknown_share: float = 0.03
    purge_share: float = 0.02  # card not taken, so that the notes were never presented
    retract_share: float = 0.02
    power_cut_share: float = 0.03  # in the middle of a reply: before or after the notes moved
    with_b: float = 0.3  # of good ends that are said with B instead of 9
    silent_connect: float = 0.3  # of power-ups after which it says nothing
    supervisor_share: float = 0.01  # of visits, after which the supervisor comes
    repeat_share: float = 0.05  # of requests that are sent twice
    reconnect_ms: float = 200.0


# ---- what the driver is asked to do --------------------------------------------------------------------------------------
class Say(msgspec.Struct, frozen=True):
    message: IsoMessage


class Wake(msgspec.Struct, frozen=True):
    """(Re)start the named timer, or stop it with `after_ms=None`."""

    name: str
    after_ms: float | None


class Connect(msgspec.Struct, frozen=True):
    after_ms: float


class HangUp(msgspec.Struct, frozen=True):
    reason: str


class Ready(msgspec.Struct, frozen=True):
    """The terminal is free for the next customer."""


Deed: TypeAlias = Say | Wake | Connect | HangUp | Ready
