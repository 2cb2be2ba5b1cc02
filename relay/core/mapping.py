"""How an HTTP answer becomes an outcome: the one table of the contract's errors, and the reading of its good answers. Pure.

Owns the rule of law 3: only the core's own word counts. The core's word is an answer that (1) echoes the key, (2) for a good
answer carries a Region-Epoch not below what we asked under and not below the ratchet, (3) fits the contract. Everything
else is Unknown, however much it looks like a refusal: a proxy's 503, a 404 page, a 401 of a gateway, a body cut short. The
traps: an answer under another key is a desynchronised connection, not news about ours; "not processed" may come from
below the ratchet, because a fenced region that says "not by me" is right whatever its epoch; and an approved amount above
the asked one, or in another currency, is a broken contract, never cash.

Decided here and nowhere else: 401 and 403 are Unknown unless they carry our problem type `not-authorised` (then the core
itself says that nothing was posted); a rate limit without our type is a proxy's; a status never overrides the type, both
must fit one row of the table.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, TypeVar

import msgspec

from protocols.vocabulary import Approved, Balance, Declined, KeyConflict, Money, NotProcessed, Unknown
from relay.core import contract as c
from relay.core.door import HttpAnswer
from relay.core.port import Finding, Looked, NotFound, Reversed, Superseded, Undone

_F_KEY: Final = c.H_KEY.lower().encode()
_F_EPOCH: Final = c.H_REGION_EPOCH.lower().encode()
_F_RETRY_AFTER: Final = b"retry-after"
_RETRY_AFTER_MS_MAX: Final = 60_000


class Remark(Enum):
    """What was wrong with an answer, as a metric label."""

    NONE = "none"
    NO_EPOCH = "no-epoch"
    OLD_EPOCH = "old-epoch"
    OTHER_KEY = "other-key"
    NO_KEY = "no-key"
    NOT_JSON = "not-json"
    SCHEMA = "schema"
    CONTRADICTION = "contradiction"  # fits the schema, and says something that cannot be
    PROXY = "proxy"  # 502, 503, 504 without the core's own word
    STATUS = "status"  # any other status or problem that has no row
    INVALID = "invalid"  # the core says that we broke the contract
    NOT_AUTHORISED = "not-authorised"
    KEY_CONFLICT = "key-conflict"
    CLOSED = "closed"  # the connection ended before the whole answer
    MALFORMED = "malformed"  # not HTTP/1.1 as we accept it
    TOO_LARGE = "too-large"  # head or body over its limit


# Answered, but by something that is not the core of this epoch: counts against the address.
NOT_THE_CORE: Final = frozenset({Remark.NO_EPOCH, Remark.OLD_EPOCH, Remark.NOT_JSON, Remark.PROXY})


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What the answer must fit. `key` is empty where the call has none; `key_value` is its header value as sent."""

    key: str = ""
    key_value: str = ""
    amount: Money | None = None
    standing_minor: int = 0


ValueT = TypeVar("ValueT")


class Reading(msgspec.Struct, frozen=True, gc=False):
    """`value` is the outcome; `poll` is set instead for a 202: where to ask, and after how many milliseconds."""

    value: Any
    remark: Remark = Remark.NONE
    poll: tuple[str, int] | None = None


class Meaning(Enum):
    NOT_PROCESSED = "not processed"
    IN_PROGRESS = "inquire"
    TAKEN_OVER = "another attempt was answered since"
    CONTESTED = "another attempt was answered, and may have been told"
    CONFLICT = "same key, other body"


# ---- the table: (status, problem type) -> meaning, NotProcessed reason, remark -----------------------------------------
PROBLEMS: Final[dict[tuple[int, str], tuple[Meaning, str, Remark]]] = {
    (421, c.PROBLEM_WRONG_REGION): (Meaning.NOT_PROCESSED, "wrong-region", Remark.NONE),
    (412, c.PROBLEM_SUPERSEDED_RELAY): (Meaning.NOT_PROCESSED, "superseded-relay", Remark.NONE),
    (429, c.PROBLEM_OVERLOADED): (Meaning.NOT_PROCESSED, "overloaded", Remark.NONE),
    (503, c.PROBLEM_OVERLOADED): (Meaning.NOT_PROCESSED, "overloaded", Remark.NONE),
    (400, c.PROBLEM_INVALID): (Meaning.NOT_PROCESSED, "invalid", Remark.INVALID),
    (404, c.PROBLEM_INVALID): (Meaning.NOT_PROCESSED, "invalid", Remark.INVALID),
    (405, c.PROBLEM_INVALID): (Meaning.NOT_PROCESSED, "invalid", Remark.INVALID),
    (413, c.PROBLEM_INVALID): (Meaning.NOT_PROCESSED, "invalid", Remark.INVALID),
    (415, c.PROBLEM_INVALID): (Meaning.NOT_PROCESSED, "invalid", Remark.INVALID),
    (401, c.PROBLEM_NOT_AUTHORISED): (Meaning.NOT_PROCESSED, "not-authorised", Remark.NOT_AUTHORISED),
    (403, c.PROBLEM_NOT_AUTHORISED): (Meaning.NOT_PROCESSED, "not-authorised", Remark.NOT_AUTHORISED),
    (409, c.PROBLEM_IN_PROGRESS): (Meaning.IN_PROGRESS, "", Remark.NONE),
    (409, c.PROBLEM_SUPERSEDED_ATTEMPT): (Meaning.TAKEN_OVER, "", Remark.NONE),
    (409, c.PROBLEM_CONTESTED_ATTEMPT): (Meaning.CONTESTED, "", Remark.NONE),
    (409, c.PROBLEM_FENCE_BEHIND): (Meaning.NOT_PROCESSED, "fence-behind", Remark.NONE),
    (422, c.PROBLEM_KEY_CONFLICT): (Meaning.CONFLICT, "", Remark.KEY_CONFLICT),
}

_UNKNOWN: Final = {remark: Reading(Unknown(why=remark.value), remark) for remark in Remark}
_NO_WORD: Final = _UNKNOWN[Remark.STATUS].value
_IN_PROGRESS: Final = Unknown(why="in-progress")
_SUPERSEDED: Final = Superseded()
_PROXY_STATUSES: Final = frozenset({502, 503, 504})

_read_problem = msgspec.json.Decoder(c.Problem).decode
_read_answer = msgspec.json.Decoder(c.TransactionAnswer).decode
_read_accepted = msgspec.json.Decoder(c.Accepted).decode
_read_reversal = msgspec.json.Decoder(c.ReversalAnswer).decode
_read_inquiry = msgspec.json.Decoder(c.InquiryAnswer).decode
_read_page = msgspec.json.Decoder(c.LedgerPage).decode
_read_region = msgspec.json.Decoder(c.RegionAnswer).decode
_read_center = msgspec.json.Decoder(c.CenterAnswer).decode


class _NotTheWord(Exception):
    """This answer is not the core's word, for the reason in `remark`."""

    def __init__(self, remark: Remark) -> None:
        super().__init__(remark.value)
        self.remark = remark


# ---- the verbs ---------------------------------------------------------------------------------------------------------


def read_submit(asked: Asked, answer: HttpAnswer, epoch_min: int) -> Reading:
    """POST /v1/transactions, `value` an Outcome. `epoch_min` is the higher of the permit's epoch and the ratchet."""
    try:
        if answer.status == 200:
            good = _good(_read_answer, asked, answer, epoch_min)
            if good.key != asked.key:
                raise _NotTheWord(Remark.OTHER_KEY)
            return Reading(_outcome(good, asked))
        if answer.status == 202:
            accepted = _good(_read_accepted, asked, answer, epoch_min)
            if accepted.key != asked.key:
                raise _NotTheWord(Remark.OTHER_KEY)
            location = answer.headers.get(b"location", b"").decode("latin-1")
            return Reading(Unknown(why="accepted, not decided"), poll=(location, accepted.retry_after_ms))
        return _problem(asked, answer, on_conflict=KeyConflict())
    except _NotTheWord as no:
        return _UNKNOWN[no.remark]


def read_poll(asked: Asked, answer: HttpAnswer, epoch_min: int) -> Reading:
    """GET of a 202's Location: the answer of POST or of an inquiry, whichever resource the core points at."""
    try:
        if answer.status == 200:
            try:
                good = _good(_read_answer, asked, answer, epoch_min)
            except _NotTheWord as no:
                if no.remark is not Remark.SCHEMA:
                    raise
            else:
                if good.key != asked.key:
                    raise _NotTheWord(Remark.OTHER_KEY)
                return Reading(_outcome(good, asked))
            found = read_inquire(asked, answer, epoch_min)
            if isinstance(found.value, Reversed):
                return Reading(Declined(reason="reversed"))
            if isinstance(found.value, NotFound):
                return Reading(Unknown(why="accepted, not decided"), poll=("", 0))
            return found
        if answer.status == 202:
            return read_submit(asked, answer, epoch_min)
        reading = _problem(asked, answer, on_conflict=_UNKNOWN[Remark.KEY_CONFLICT].value)
        value = reading.value
        if isinstance(value, NotProcessed):
            # The question was not processed; the transaction was accepted all the same.
            again = ("", value.retry_after_ms) if value.reason == "overloaded" else None
            return Reading(Unknown(why=value.reason), reading.remark, again)
        return Reading(value, reading.remark, ("", 0)) if value is _IN_PROGRESS else reading
    except _NotTheWord as no:
        return _UNKNOWN[no.remark]


def read_undo(asked: Asked, answer: HttpAnswer, epoch_min: int) -> Reading:
    """POST /v1/transactions/{key}/reversals, `value` an UndoOutcome."""
    try:
        if answer.status == 200:
            good = _good(_read_reversal, asked, answer, epoch_min)
            if good.key != asked.key:
                raise _NotTheWord(Remark.OTHER_KEY)
            standing_minor = int(good.standing.minor)
            if standing_minor > asked.standing_minor:
                raise _NotTheWord(Remark.CONTRADICTION)  # more stands than we said may stand: not undone
            return Reading(Undone(good.state, standing_minor))
        return _problem(asked, answer, on_taken_over=_SUPERSEDED, on_contested=NotProcessed(reason="contested"))
    except _NotTheWord as no:
        return _UNKNOWN[no.remark]


def read_inquire(asked: Asked, answer: HttpAnswer, epoch_min: int) -> Reading:
    """GET /v1/transactions/{key}, `value` a Finding."""
    try:
        if answer.status != 200:
            return _problem(asked, answer)
        good = _good(_read_inquiry, asked, answer, epoch_min)
        if good.key != asked.key or (good.answer is not None and good.answer.key != asked.key):
            raise _NotTheWord(Remark.OTHER_KEY)
        finding: Finding
        if good.state == "not-found":
            finding = NotFound()
        elif good.state == "reversed":
            finding = Reversed(0 if good.standing is None else int(good.standing.minor))
        elif good.answer is None:
            finding = Approved() if good.state == "posted" else Declined(reason="unspecified")
        else:
            outcome = _outcome(good.answer, asked)
            if isinstance(outcome, Approved) != (good.state == "posted"):
                raise _NotTheWord(Remark.CONTRADICTION)
            finding = outcome
        return Reading(finding)
    except _NotTheWord as no:
        return _UNKNOWN[no.remark]


def read_look(asked: Asked, answer: HttpAnswer, epoch_min: int) -> Reading:
    """GET /v1/transactions/{key} of reconciliation, `value` a Look."""
    reading = read_inquire(asked, answer, epoch_min)
    if isinstance(reading.value, NotProcessed | Unknown):
        return reading
    good = _read_inquiry(answer.body)
    standing_minor = None if good.standing is None else int(good.standing.minor)
    return Reading(Looked(reading.value, standing_minor, good.attempt or ""), reading.remark)


def read_told(asked: Asked, answer: HttpAnswer, epoch_min: int) -> Reading:
    """POST /v1/network-events: nobody waits for it, so only the counters see the value."""
    if answer.status in (200, 202, 204):
        return Reading(Approved())
    try:
        return _problem(asked, answer)
    except _NotTheWord as no:
        return _UNKNOWN[no.remark]


def read_reported(asked: Asked, answer: HttpAnswer, epoch_min: int) -> Reading:
    """POST /v1/network-events with a key: Approved only where the core itself echoes it, in an epoch not below ours."""
    try:
        if answer.status not in (200, 204):
            return _problem(asked, answer)
        epoch = _number(answer.headers.get(_F_EPOCH, b""))
        if epoch < epoch_min:
            raise _NotTheWord(Remark.NO_EPOCH if epoch < 0 else Remark.OLD_EPOCH)
        if not _check_key(answer.headers.get(_F_KEY), asked):
            raise _NotTheWord(Remark.NO_KEY)
        return Reading(Approved())
    except _NotTheWord as no:
        return _UNKNOWN[no.remark]


def read_ledger(asked: Asked, answer: HttpAnswer, epoch_min: int) -> Reading:
    """GET /v1/ledger/{business_date}, `value` a LedgerPage, NotProcessed or Unknown."""
    try:
        if answer.status == 200:
            return Reading(_good(_read_page, asked, answer, epoch_min))
        return _problem(asked, answer)
    except _NotTheWord as no:
        return _UNKNOWN[no.remark]


def read_center(asked: Asked, answer: HttpAnswer, epoch_min: int) -> Reading:
    """GET and PUT of /v1/relay-centers/{center}, `value` a CenterAnswer, NotProcessed or Unknown."""
    try:
        return Reading(_good(_read_center, asked, answer, epoch_min)) if answer.status == 200 else _problem(asked, answer)
    except _NotTheWord as no:
        return _UNKNOWN[no.remark]


def read_region(asked: Asked, answer: HttpAnswer, epoch_min: int) -> Reading:
    """GET /v1/region, `value` a RegionAnswer or Unknown. Any epoch is news here; what to believe is the region floor's."""
    try:
        if answer.status != 200:
            return _problem(asked, answer)
        good = _decode(_read_region, answer)
        said = answer.headers.get(_F_EPOCH)
        if said is not None and _number(said) != good.epoch:
            raise _NotTheWord(Remark.CONTRADICTION)
        return Reading(good)
    except _NotTheWord as no:
        return _UNKNOWN[no.remark]


# ---- the parts ---------------------------------------------------------------------------------------------------------


def _good(decode: Callable[[bytes], ValueT], asked: Asked, answer: HttpAnswer, epoch_min: int) -> ValueT:
    headers = answer.headers
    said = headers.get(_F_EPOCH)
    epoch = -1 if said is None else _number(said)
    if epoch < epoch_min:
        # Before the schema: what an old region or a proxy's page looks like is no fault of the contract.
        decoded_as_json = _is_json(answer.body)
        raise _NotTheWord(Remark.NOT_JSON if not decoded_as_json else Remark.NO_EPOCH if epoch < 0 else Remark.OLD_EPOCH)
    if asked.key:
        _check_key(headers.get(_F_KEY), asked)
    return _decode(decode, answer)


def _decode(decode: Callable[[bytes], ValueT], answer: HttpAnswer) -> ValueT:
    try:
        return decode(answer.body)
    except msgspec.ValidationError:
        raise _NotTheWord(Remark.SCHEMA) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _NotTheWord(Remark.NOT_JSON) from None


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _check_key(value: bytes | None, asked: Asked) -> bool:
    """True when the header echoes our key, False when it is absent. Raises for another key."""
    if value is None:
        return False
    text = value.decode("latin-1")
    if text != asked.key_value and c.read_key_field(text) != asked.key:
        raise _NotTheWord(Remark.OTHER_KEY)
    return True


def _problem(
    asked: Asked,
    answer: HttpAnswer,
    on_conflict: KeyConflict | Unknown = _UNKNOWN[Remark.KEY_CONFLICT].value,
    on_taken_over: Superseded | Unknown = _NO_WORD,
    on_contested: NotProcessed | Unknown = _NO_WORD,
) -> Reading:
    """Anything but a good answer: the table, if the core itself speaks; else Unknown."""
    stranger = Remark.PROXY if answer.status in _PROXY_STATUSES else Remark.STATUS
    try:
        problem = _read_problem(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _NotTheWord(stranger) from None
    row = PROBLEMS.get((answer.status, problem.type))
    if row is None:
        raise _NotTheWord(stranger)
    if asked.key:
        echoed = _check_key(answer.headers.get(_F_KEY), asked)
        if problem.key and problem.key != asked.key:
            raise _NotTheWord(Remark.OTHER_KEY)
        if not echoed and not problem.key:
            raise _NotTheWord(Remark.NO_KEY)
    meaning, reason, remark = row
    match meaning:
        case Meaning.NOT_PROCESSED:
            return Reading(NotProcessed(reason=reason, retry_after_ms=_retry_after_ms(answer)), remark)
        case Meaning.IN_PROGRESS:
            return Reading(_IN_PROGRESS, remark)
        case Meaning.TAKEN_OVER:
            return Reading(on_taken_over, remark)
        case Meaning.CONTESTED:
            return Reading(on_contested, remark)
        case Meaning.CONFLICT:
            return Reading(on_conflict, remark)


def _outcome(good: c.TransactionAnswer, asked: Asked) -> Approved | Declined:
    if good.status == "declined":
        return Declined(reason=good.reason or "unspecified", reply_data=good.reply_data)
    amount = None if good.amount is None else _money(good.amount)
    if amount is not None and asked.amount is not None:
        within = 0 <= amount.minor <= asked.amount.minor
        if amount.currency != asked.amount.currency or not within:
            raise _NotTheWord(Remark.CONTRADICTION)
    return Approved(
        authorisation_id=good.authorisation_id,
        amount=amount,
        balances=tuple([Balance(b.account_type, b.amount_type, _money(b.amount)) for b in good.balances]),
        reply_data=good.reply_data,
    )


def _money(amount: c.Amount) -> Money:
    return Money(int(amount.minor), amount.currency)


def _number(text: bytes) -> int:
    """A header that is a number; -1 for anything else, repeated headers included."""
    return int(text) if len(text) <= 16 and text.isdigit() else -1


def _retry_after_ms(answer: HttpAnswer) -> int:
    """Seconds only; a date, or nonsense, is no advice. Bounded: a core cannot silence us for an hour."""
    seconds = _number(answer.headers.get(_F_RETRY_AFTER, b""))
    return 0 if seconds < 0 else min(seconds * 1_000, _RETRY_AFTER_MS_MAX)
