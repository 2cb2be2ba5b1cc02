"""How different banks have set the same relay: doubt policies, deadlines, limits. Each seed is one bank's history.

Owns the table `BANKS`. It must never know a dialect's bytes or a fault. The trap: a bank may be strange, but not wrong; each
is a configuration that the relay takes, with timers made shorter than a bank's days so that a history of minutes meets their
ends.
"""

from __future__ import annotations

import msgspec

from relay.exchange.doubt import DoubtLimits
from relay.exchange.lanes import LaneLimits
from relay.exchange.limits import DeskLimits
from relay.exchange.saf import SafLimits

SAF = SafLimits(call_timeout_ms=1_500, retry_first_ms=200, retry_max_ms=5_000, head_tries_max=12)
LIMITS = DeskLimits(
    call_timeout_ms=1_500,
    completion_deadline_ms=60_000,
    doubt=DoubtLimits(inquiry_first_ms=200, inquiry_max_ms=1_000),
    saf=SAF,
)
CROWDED = DeskLimits(
    journal_waiting_count_max=50,  # more than a file gives it at a time (32), or everybody else is refused meanwhile
    call_timeout_ms=1_500,
    inflight_count_min=1,
    inflight_count_max=2,
    completion_deadline_ms=60_000,
    lanes=LaneLimits(queue_count_max=12, terminal_queue_count_max=1),
    doubt=LIMITS.doubt,
    saf=msgspec.structs.replace(SAF, inflight_count_max=4),
)


class Bank(msgspec.Struct, frozen=True, kw_only=True):
    """`held`: kinds whose unknown outcome only a person may end. `patience_ms`: the ISO 8583 listener's reply deadline (its
    ATMs wait `atm_patience_ms`). `late_share`: of an NDC machine's dispenses that take seconds;
    `short_share`: that give out less than they were told to; `none_share`: nothing."""

    name: str
    limits: DeskLimits = LIMITS
    held: tuple[str, ...] = ()
    patience_ms: int = 4_000
    atm_patience_ms: int = 5_000
    think_ms: float = 700.0
    deposit_tries_max: int = 20
    late_share: float = 0.0
    short_share: float = 0.03
    none_share: float = 0.03
    more_faults: tuple[str, ...] = ()
    retries_early: bool = True  # its person has the core asked again at once; else looks at the books first, and books by hand
    is_forgetful: bool = False  # its person has the core asked about what was booked by hand, too: the relay has to say no


PLAIN = Bank(name="plain")
# Nothing is undone by itself: cash and goods wait for a person.
HOLDING = Bank(name="holding", held=("withdrawal", "purchase"), more_faults=("kill", "storm", "cut-core"))
AGING_AND_HOLDING = Bank(
    name="aging-and-holding",
    limits=msgspec.structs.replace(LIMITS, saf=msgspec.structs.replace(SAF, valid_ms=800)),
    held=("purchase",),
    short_share=0.5,
    more_faults=("storm", "storm", "cut-core", "cut-core", "clock"),
    retries_early=False,
)
# None of the seeds': for a mutation. What was posted is not known, and what reverses it is on the list as well.
DELAYED = msgspec.structs.replace(
    AGING_AND_HOLDING,
    name="delayed",
    held=("withdrawal", "purchase"),
    think_ms=300.0,
    more_faults=("cut-core",) * 12 + ("slow-core",) * 12,
    is_forgetful=True,
)
BANKS = (
    PLAIN,
    HOLDING,
    # What is owed is old after seconds, as after three days; and the clock jumps.
    Bank(
        name="aging",
        limits=msgspec.structs.replace(LIMITS, saf=msgspec.structs.replace(SAF, valid_ms=800)),
        short_share=0.5,
        more_faults=("storm", "storm", "cut-core", "cut-core", "clock"),
    ),
    AGING_AND_HOLDING,
    # A completion is called missing after half a second, and comes after two.
    Bank(
        name="hasty",
        limits=msgspec.structs.replace(LIMITS, completion_deadline_ms=400),
        late_share=0.3,
        short_share=0.35,
        none_share=0.2,
    ),
    # Its terminals are told sooner than a call may take.
    Bank(name="hurried", held=("purchase",), patience_ms=1_200, deposit_tries_max=3, more_faults=("slow-core",) * 4),
    # More customers than the core can take, a disk that is slow, and a relay that waits longer than its terminals.
    Bank(
        name="crowded",
        limits=CROWDED,
        held=("purchase",),
        patience_ms=9_000,
        atm_patience_ms=2_000,
        think_ms=150.0,
        deposit_tries_max=3,
        more_faults=("slow-core",) * 6 + ("slow-disk",) * 4,
    ),
)


def bank_of(seed: int) -> Bank:
    return BANKS[seed % len(BANKS)]
