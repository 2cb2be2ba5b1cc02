"""NDC's main message on one core: a transaction request parsed, a transaction reply built, microseconds each.

Owns no yardstick of its own: nobody else's library parses NDC in Python. `measure` has the shape of codec.measure, so that
the bench prints both alike.
"""

from __future__ import annotations

from collections.abc import Callable

from protocols.ndc.codec import decode_terminal, encode
from protocols.ndc.message import LastStatus, PrintGroup, TransactionReply, TransactionRequest
from protocols.vocabulary import Secret
from tests.bench.codec import per_call_us

REQUEST = TransactionRequest(
    luno="001",
    mcn="3",
    track2=Secret(";4000001234567899=30122010000012300?"),
    operation=" DA   AD",
    amount="00015000",
    pin_block=Secret("0412:4;=<>?99999"),
    last=LastStatus("0041", "1", (1, 0, 0, 0)),
)
REPLY = TransactionReply(
    luno="001",
    next_state="125",
    notes="00010100",
    tsn="0042",
    function="A",
    screen="012",
    mcn="3",
    prints=(PrintGroup("2", "\nWITHDRAWAL 15,000 JPY\nTSN 0042\n"),),
)


def measure(rounds: int, count: int = 2_000) -> list[dict[str, float]]:
    """Per round: microseconds of each."""
    raw = encode(REQUEST)
    calls: dict[str, Callable[[], object]] = {
        "ndc_parse_us": lambda: decode_terminal(raw),
        "ndc_build_us": lambda: encode(REPLY),
    }
    for call in calls.values():
        per_call_us(call, count // 10)
    return [{name: per_call_us(call, count) for name, call in calls.items()} for _ in range(rounds)]
