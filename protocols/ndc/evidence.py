"""What a terminal's words prove about a withdrawal that is debited already: the completion table, pure and in one place.

Owns `judge` (the status that follows a reply), `judge_last` and `judge_counters` (what a later message says about an
earlier TSN). It must never send anything. The law is DESIGN law 4: a dispense of unknown end is never undone automatically;
a full or partial reversal needs a positive statement that notes did not come out. So every branch that is not written here
ends in "unproven", which is a line on a person's list, and a contradiction inside a statement (none dispensed, but counts)
is no statement.

    9, B                            confirmed
    8 E0, counts = request          confirmed, alarm            otherwise unproven
    8 E1, counts worth less         part, what was paid stands  equal: confirmed; more: confirmed, dispute; nothing: unproven
    8 E2, no counts or zeros        undone
    8 E4, card-first function       undone (purged before the card came out); any other function: unproven
    8 E3, E5, D1, D2, anything else unproven
    A, C (but C10)                  undone: rejected, not executed; 1, 2, 3 also raise a key alarm
    next 11, same TSN               status good: confirmed; else a note for the list, whatever its counts
    supply counters, same TSN       a note for the list
    any of them for a refund        given back: 9, B: undone; else unproven, dispute

Counts alone never confirm: of a dispense whose end it does not know (E3), a terminal reports the notes that were requested.

Source: protocols/ndc/README.md, "completion"; the T-codes are the cash handler's of the open implementations.
"""

from __future__ import annotations

import msgspec

from protocols.ndc import fields as f
from protocols.ndc.message import DeviceStatus, LastStatus, SolicitedStatus
from protocols.ndc.status import SupplyCounters, cash_report, fault_of, reject_code, reject_word

CONFIRMED, PART, UNDONE, UNPROVEN = "confirmed", "part", "undone", "unproven"


class Sent(msgspec.Struct, frozen=True):
    """A reply that left once and waits for its evidence. `notes` per cassette type, as ordered; empty: no dispense."""

    key: str
    tsn: int
    function: str
    amount_minor: int
    notes: tuple[int, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """`verdict` in the port's words, empty where nothing can be said (a note only). `standing_minor` with "part"."""

    verdict: str
    why: str
    standing_minor: int | None = None
    alarm: str = ""  # "", "cash-exception", "dispute", "key"
    needs_recovery: bool = False  # the terminal waits for one more reply, without dispense


def judge(sent: Sent, status: SolicitedStatus, denominations: tuple[int, ...]) -> Finding:
    """The status that answers a reply which was sent exactly once. `denominations`: minor units per cassette type, 0 none."""
    descriptor = status.descriptor
    if sent.function == f.REFUND and descriptor != f.TERMINAL_STATE:
        return _refunded(status)
    if descriptor in (f.READY, f.REPLY_READY):
        return Finding(CONFIRMED, f"status {descriptor}")
    if descriptor in (f.COMMAND_REJECT, f.SPECIFIC_REJECT):
        return _rejected(sent, status)
    if descriptor == f.DEVICE_FAULT:
        device = fault_of(status)
        if device is None:
            return Finding(UNPROVEN, "a device fault without a device", needs_recovery=True)
        return _faulted(sent, device, denominations)
    return Finding("", f"status {descriptor} answers no reply")


def judge_unordered(function: str, status: SolicitedStatus) -> Finding:
    """The status that answers a reply without money: no verdict, but a dispute where notes moved, or stayed in."""
    is_fault = status.descriptor == f.DEVICE_FAULT
    if function == f.REFUND:
        return msgspec.structs.replace(_refunded(status), verdict="")
    device = fault_of(status)
    report = None if device is None else cash_report(device)
    if report is not None and report.counts is not None and any(report.counts):
        why = f"notes were counted out, and none were ordered: {report.code} {' '.join(map(str, report.counts))}"
        return Finding("", why, alarm="dispute", needs_recovery=True)
    return Finding("", "", needs_recovery=is_fault)


def _refunded(status: SolicitedStatus) -> Finding:
    """Notes in escrow were to be given back."""
    if status.descriptor in (f.READY, f.REPLY_READY):
        return Finding(UNDONE, f"notes given back, status {status.descriptor}")
    said = "".join(status.data[:1])[:16]
    is_fault = status.descriptor == f.DEVICE_FAULT
    why = f"notes were to be given back, status {status.descriptor} {said}"
    return Finding(UNPROVEN, why, alarm="dispute", needs_recovery=is_fault)


def _rejected(sent: Sent, status: SolicitedStatus) -> Finding:
    code = reject_code(status)
    why = f"reply rejected: {status.descriptor} {code} ({reject_word(code)})"
    if code == "C10" or not sent.notes:
        # "Another reply is being processed" contradicts a reply sent once. And notes taken in are not undone by a word.
        return Finding(UNPROVEN, why)
    return Finding(UNDONE, why, alarm="key" if code[:1] in f.KEY_REJECTS else "")


def _faulted(sent: Sent, device: DeviceStatus, denominations: tuple[int, ...]) -> Finding:
    report = cash_report(device)
    named = f.DEVICES.get(device.device, "device")
    if report is None or not sent.notes:
        return Finding(UNPROVEN, f"{named} fault {device.device}{device.status[:1]}", needs_recovery=True)
    why = f"{named} {device.device}{report.code}: {f.CASH_STATUS.get(report.code, 'unknown status')}"
    counts = report.counts
    if report.code == f.CASH_DONE:
        if counts is not None and _same(counts, sent.notes):
            return Finding(CONFIRMED, why, alarm="cash-exception", needs_recovery=True)
        return Finding(UNPROVEN, f"{why}; counts differ from the order", alarm="cash-exception", needs_recovery=True)
    if report.code == f.CASH_SHORT:
        return _short(sent, counts, denominations, why)
    if report.code == f.CASH_NONE and not report.names_notes:
        return Finding(UNDONE, why, needs_recovery=True)
    if report.code == f.CASH_BEFORE_EJECT and sent.function in f.CARD_FIRST and not report.names_notes:
        return Finding(UNDONE, why, needs_recovery=True)
    return Finding(UNPROVEN, why, needs_recovery=True)


def _short(sent: Sent, counts: tuple[int, ...] | None, denominations: tuple[int, ...], why: str) -> Finding:
    paid = None if counts is None else worth(counts, denominations)
    if not paid:  # no counts, an unknown cassette, or "short" by everything, for which there is another word
        return Finding(UNPROVEN, f"{why}; the counts prove nothing", alarm="cash-exception", needs_recovery=True)
    if paid < sent.amount_minor:
        return Finding(PART, f"{why}; paid {paid} of {sent.amount_minor}", standing_minor=paid, needs_recovery=True)
    if paid == sent.amount_minor:
        return Finding(CONFIRMED, why, alarm="cash-exception", needs_recovery=True)
    return Finding(CONFIRMED, f"{why}; paid {paid}, more than {sent.amount_minor}", alarm="dispute", needs_recovery=True)


def judge_last(sent: Sent, last: LastStatus) -> Finding:
    """The last transaction status of a later request. It confirms, and never undoes: it need not belong to its TSN."""
    if last.tsn != f"{sent.tsn:04}":
        return Finding("", f"the terminal speaks of TSN {last.tsn}")
    if last.status == "1" and not (any(last.notes) and sent.notes and not _same(last.notes, sent.notes)):
        return Finding(CONFIRMED, "last transaction status good")
    counted = " ".join(map(str, last.notes))
    return Finding(UNPROVEN, f"last transaction status {last.status} for this TSN, notes {counted or 'not said'}")


def judge_counters(sent: Sent, counters: SupplyCounters) -> Finding:
    """Supply counters, asked for after the fact: something for the person who looks at it, and no proof either way."""
    if counters.tsn != f"{sent.tsn:04}":
        return Finding("", f"the counters speak of TSN {counters.tsn}")
    told = " ".join(map(str, counters.last_dispensed))
    is_whole = bool(sent.notes) and _same(counters.last_dispensed, sent.notes)
    meaning = "all notes, as also after a dispense of unknown end" if is_whole else "not the notes that were ordered"
    return Finding(UNPROVEN, f"supply counters for this TSN, last dispensed {told}: {meaning}")


def worth(counts: tuple[int, ...], denominations: tuple[int, ...]) -> int | None:
    """Minor units of these notes; None where a cassette type is unknown."""
    total = 0
    for index, count in enumerate(counts):
        value = denominations[index] if index < len(denominations) else 0
        if count and not value:
            return None
        total += count * value
    return total


def _same(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Equal, but for trailing cassette types that one of them leaves out as zeros."""
    longest = max(len(one), len(other))
    return one + (0,) * (longest - len(one)) == other + (0,) * (longest - len(other))
