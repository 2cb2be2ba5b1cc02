"""Evidence is a verdict without reply data, and what it lets a closed exchange answer is never more than was promised."""

import msgspec
import pytest

from protocols.vocabulary import (
    TAKEN,
    Approved,
    Declined,
    DoubtPolicy,
    KeyConflict,
    MessageClass,
    Money,
    NotProcessed,
    Received,
    Refusal,
    Request,
    Secret,
    Unknown,
    Verdict,
)
from relay.core.port import NotFound, Reversed, Superseded, Undone
from relay.exchange.evidence import Evidence, answer_again, pack, pack_part, unpack
from relay.journal.records import Intent, StoredExchange, StoredState, Taken, pack_request
from tests.support.deskworld import W1, DeskWorld, Message, PlainDialect, stored


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (
            Approved(authorisation_id="A1", amount=Money(5, "JPY"), reply_data={"emv": "9F10"}),
            Evidence("approved", authorisation_id="A1", approved_minor=5, currency="JPY"),
        ),
        (Declined(reason="lost-card", reply_data={"text": "x"}), Evidence("declined", reason="lost-card")),
        (NotProcessed(reason="overloaded"), Evidence("not-processed", reason="overloaded")),
        (KeyConflict(detail="x"), Evidence("key-conflict")),
        (Unknown(why="hang"), Evidence("unknown", reason="hang")),
        (Undone(state="reversed", standing_minor=7), Evidence("undone", reason="reversed", standing_minor=7)),
        (Superseded(), Evidence("superseded")),
        (Reversed(standing_minor=3), Evidence("reversed", standing_minor=3)),
        (NotFound(), Evidence("not-found")),
    ],
)
def test_what_is_kept_is_the_verdict_and_never_reply_data(said: object, kept: Evidence) -> None:
    assert unpack(pack(said)) == kept  # type: ignore[arg-type]  # each row is one of the union


def closed(state: StoredState, policy: DoubtPolicy = DoubtPolicy.UNDO, **rest: object) -> StoredExchange:
    taken = Taken(
        exchange_id=1,
        key="k",
        listener="atm",
        realm="bank",
        terminal="A",
        message_class=rest.pop("message_class", MessageClass.FINANCIAL),  # type: ignore[arg-type]  # the test's own words
        kind="withdrawal",
        policy=policy,
        fingerprint=b"",
        state=state,
        recorded_ms=0,
        request=rest.pop("request", b""),  # type: ignore[arg-type]  # as above
    )
    outcome = rest.pop("outcome", None)
    return StoredExchange(
        taken=taken,
        state=state,
        intent=rest.pop("intent", None),  # type: ignore[arg-type]  # as above
        outcome=None if outcome is None else pack(outcome),  # type: ignore[arg-type]  # as above
        standing_minor=rest.pop("standing_minor", None),  # type: ignore[arg-type]  # as above
        tries=0,
        epoch=1,
        updated_ms=0,
    )


def test_an_intent_on_disk_is_the_answer() -> None:
    assert answer_again(closed(StoredState.ANSWERED, intent=Intent(Verdict.APPROVE, "00", b""))) is None


@pytest.mark.parametrize(
    ("stored", "answer"),
    [
        (closed(StoredState.SETTLED, outcome=Approved(), standing_minor=0), Refusal.REVERSED),
        (closed(StoredState.SETTLED, outcome=Approved()), Approved()),  # held, from a copy, while its terminal waited
        (closed(StoredState.SETTLED, outcome=Superseded()), Refusal.IN_DOUBT),
        (
            closed(StoredState.SETTLED, DoubtPolicy.REPEAT, outcome=Approved(authorisation_id="A")),
            Approved(authorisation_id="A"),
        ),
        (closed(StoredState.SETTLED, DoubtPolicy.REPEAT, request=b"x"), Refusal.REVERSED),
        (closed(StoredState.SETTLED), Refusal.REVERSED),
        (closed(StoredState.SETTLED, DoubtPolicy.REPEAT), Refusal.IN_DOUBT),  # what settled it is forgotten: it may stand
        (closed(StoredState.LISTED, DoubtPolicy.REPEAT, outcome=Declined(reason="no")), Declined(reason="no")),
        (closed(StoredState.LISTED), Refusal.IN_DOUBT),
        (closed(StoredState.REFUSED), Refusal.OVERLOADED),
        (closed(StoredState.SETTLED, message_class=MessageClass.ADVICE), TAKEN),
    ],
)
def test_without_an_intent_a_withdrawal_is_never_approved_afterwards(stored: StoredExchange, answer: object) -> None:
    assert answer_again(stored) == answer


def test_an_answered_exchange_keeps_what_was_approved_only_where_it_is_less_than_was_asked() -> None:
    world = DeskWorld()
    for trace, minor in (("1", 10_000), ("2", 4_000)):
        world.say(world.link(), Message(trace=trace, terminal=f"ATM{trace}"))
        world.core.last("submit").reply(Approved(amount=Money(minor, "JPY")))
        world.time.run(5)
    assert stored(world, W1).outcome is None
    kept = stored(world, "ATM2-financial-2")
    assert (kept.state, unpack(kept.outcome or b"").approved_minor) == (StoredState.ANSWERED, 4_000)
    request = Message(trace="3")
    assert pack_part(PlainDialect().to_request(request, Received(0, "atm", "bank", "atm")), Declined(reason="x")) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(("needs_completion", "answer"), [(False, Approved(authorisation_id="A")), (True, Refusal.IN_DOUBT)])
def test_what_needs_a_completion_is_not_approved_once_it_is_closed(needs_completion: bool, answer: object) -> None:
    """A life ended between "settled" and the reply. Nobody would wait for the completion now."""
    settled = closed(StoredState.SETTLED, DoubtPolicy.REPEAT, outcome=Approved(authorisation_id="A"))
    request = Request(
        key="k",
        message_class=MessageClass.FINANCIAL,
        kind="withdrawal",
        doubt_policy=DoubtPolicy.REPEAT,
        channel="atm",
        realm="bank",
        terminal="A",
        acquirer="",
        fingerprint_text=Secret(""),
        trace="1",
        needs_completion=needs_completion,
    )
    taken = msgspec.structs.replace(settled.taken, request=pack_request(request))
    assert answer_again(msgspec.structs.replace(settled, taken=taken)) == answer
