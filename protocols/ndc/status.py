"""What a status says: a cash handler's counts, supply counters, cassettes, sensors, the configuration id.

Owns the reading of status fields into small typed reports. It must never judge: what follows for money stands in
evidence.py. The trap: a report that cannot be read is None, never a zero; "no notes" and "no report" are as far apart as a
reversal and a hold.

Sources: protocols/ndc/README.md, sections on solicited status and on the cash handler.
"""

from __future__ import annotations

import msgspec

from protocols.ndc import fields as f
from protocols.ndc.from_terminal import device_of
from protocols.ndc.message import DeviceStatus, SolicitedStatus
from protocols.totals import Total, TotalsStated

CASSETTES_MAX = 7
_COUNTER = 5  # digits


class CashReport(msgspec.Struct, frozen=True):
    """A cash handler after a dispense: T-code and notes per cassette type; None where no counts can be read. `names_notes`:
    something other than zeros stands there, whether it can be read or not."""

    code: str
    counts: tuple[int, ...] | None
    names_notes: bool = False


class SupplyCounters(msgspec.Struct, frozen=True):
    """Terminal state 2: TSN of the last reply, transactions so far, then notes per cassette type."""

    tsn: str
    transactions: int
    in_cassette: tuple[int, ...]
    rejected: tuple[int, ...]
    dispensed: tuple[int, ...]
    last_dispensed: tuple[int, ...]


class Configuration(msgspec.Struct, frozen=True):
    """Terminal state 1, as strings; `protocols.ndc.fields` says which position means what."""

    config_id: str
    fitness: str = ""
    hardware: str = ""
    supplies: str = ""
    sensors: str = ""
    release: str = ""
    software: str = ""


def cash_report(device: DeviceStatus) -> CashReport | None:
    """None where the device is no cash handler or says nothing."""
    if device.device not in f.CASH_HANDLERS or not device.status:
        return None
    digits = device.status[1:]
    is_counts = digits.isascii() and digits.isdigit() and len(digits) % 2 == 0 and 8 <= len(digits) <= 2 * CASSETTES_MAX
    counts = tuple(int(digits[at : at + 2]) for at in range(0, len(digits), 2)) if is_counts else None
    return CashReport(device.status[0], counts, bool(digits.strip("0")))


def fault_of(status: SolicitedStatus) -> DeviceStatus | None:
    """The device that a solicited device fault names."""
    if status.descriptor != f.DEVICE_FAULT or not status.data or not status.data[0]:
        return None
    return device_of(status.data)


def state_id(status: SolicitedStatus) -> str:
    """Which terminal state a status reports, empty for none. The id has a field of its own, or leads its content."""
    if status.descriptor != f.TERMINAL_STATE or not status.data:
        return ""
    return status.data[0][:1]


def state_text(status: SolicitedStatus) -> tuple[str, ...]:
    """The content behind the id: as fields, the first without the id."""
    if not status.data:
        return ()
    first = status.data[0][1:]
    return (first, *status.data[1:]) if first else status.data[1:]


def config_id(status: SolicitedStatus) -> str | None:
    """The configuration id in terminal state 6, or 1 where it names one; None where it names none."""
    identifier, text = state_id(status), state_text(status)
    if identifier not in ("1", "6") or not text or not (len(text[0]) == 4 and text[0].isdigit() and text[0].isascii()):
        return None
    return text[0]


def configuration(status: SolicitedStatus) -> Configuration | None:
    """Terminal state 1. Some senders leave the configuration id out: then the first field is the fitness string."""
    if state_id(status) != "1":
        return None
    text = state_text(status)
    if text and len(text[0]) != 4:
        text = ("", *text)
    padded = (*text, "", "", "", "", "", "", "")
    return Configuration(*padded[:7])


def supply_counters(status: SolicitedStatus) -> SupplyCounters | None:
    """Terminal state 2, 4 or 7 cassette types, longer tails accepted; None where it cannot be read."""
    if state_id(status) != "2":
        return None
    text = "".join(state_text(status)[:1]).split(f.GS)[0]
    return read_counters(text)


def read_counters(text: str) -> SupplyCounters | None:
    """TSN 4, count 7, then 4 groups of 4 counters of five digits; a site of 7 cassettes writes 4 groups of 7."""
    if len(text) < 11 + 16 * _COUNTER or not text[:11].isdigit() or not text.isascii():
        return None
    # Basic counters end with 4 counters of five: cards, envelopes, film, last envelope. 31 groups of five is 7 cassettes.
    per_group = CASSETTES_MAX if len(text) == 11 + (4 * CASSETTES_MAX + 4) * _COUNTER else 4
    digits = text[11 : 11 + 4 * per_group * _COUNTER]
    if not digits.isdigit():
        return None
    counts = [int(digits[at : at + _COUNTER]) for at in range(0, len(digits), _COUNTER)]
    groups = [tuple(counts[at : at + per_group]) for at in range(0, len(counts), per_group)]
    return SupplyCounters(text[:4], int(text[4:11]), groups[0], groups[1], groups[2], groups[3])


def stated(counters: SupplyCounters, terminal: str, denominations: tuple[int, ...], currency: str) -> TotalsStated:
    """Supply counters as totals, one figure that goes on per terminal. Shown and never judged: a counter begins anew when
    somebody fills a cassette, and many sites never set theirs. `denominations`: minor units per cassette type, 0 unknown."""
    groups = (("in cassette", counters.in_cassette), ("rejected", counters.rejected), ("dispensed", counters.dispensed))
    lines = tuple(
        Total(name=f"{name} {number}", count=notes, minor=notes * value if value else None)
        for name, group in groups
        for number, (notes, value) in enumerate(zip(group, (*denominations, *(0,) * CASSETTES_MAX), strict=False), 1)
        if value or notes
    )
    return TotalsStated(
        id="counters", party=terminal, business_date="", source="counters", currency=currency, lines=lines, mode="running"
    )


def cassettes_out(supplies: str, reject_first: bool = True) -> tuple[bool, ...]:
    """Per cassette type, whether a cash handler's supplies say "out". The first character is the reject bin."""
    return tuple(one == f.SUPPLY_OUT for one in (supplies[1:] if reject_first else supplies))


def positions(text: str, offsets: dict[str, int]) -> dict[str, str]:
    """Name -> character, for a fitness or supplies string; names beyond its end are left out."""
    return {name: text[at] for name, at in offsets.items() if at < len(text)}


def parts(status: SolicitedStatus) -> dict[str, str]:
    """The parts of terminal states H, K, 7 and the like: leading character -> the rest."""
    joined = f.GS.join(text for text in state_text(status) if text)
    return {part[0]: part[1:] for part in joined.split(f.GS) if part}


def devices(status: SolicitedStatus) -> dict[str, str]:
    """Terminal states I (supplies) and J (fitness): device -> one character per part. Before the list stands "A"."""
    if state_id(status) not in ("I", "J"):
        return {}
    listed = f.GS.join(text for text in state_text(status) if text).removeprefix("A")
    return {part[0]: part[1:] for part in listed.split(f.GS) if part}


def reject_code(status: SolicitedStatus) -> str:
    """What a command reject or specific reject says: "C01", "1", or "" for a bare one."""
    return status.data[0].strip() if status.data else ""


def reject_word(code: str) -> str:
    """For people."""
    return f.REJECTS.get(code) or f.REJECTS.get(code[:1], "rejected")
