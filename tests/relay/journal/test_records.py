"""Requests on their way into the journal and back: everything law 9 allows, and nothing that it forbids."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from protocols.vocabulary import CardData, DoubtPolicy, MessageClass, Money, Pan, Request, Secret
from relay.journal.records import pack_request, unpack_request

word = st.text(max_size=12)
maybe = st.none() | word
secret = st.none() | st.builds(lambda text: Secret("SECRET" + text), word)
cards = st.builds(
    CardData,
    pan=st.none() | st.builds(Pan, st.text("0123456789", min_size=13, max_size=19)),
    expiry=maybe,
    sequence=maybe,
    track1=secret,
    track2=secret,
    track3=secret,
    pin_block=secret,
    emv=secret,
    entry_mode=maybe,
)
requests = st.builds(
    Request,
    key=word,
    message_class=st.sampled_from(MessageClass),
    kind=word,
    doubt_policy=st.sampled_from(DoubtPolicy),
    channel=word,
    realm=word,
    terminal=word,
    acquirer=word,
    fingerprint_text=st.just(Secret("SECRET fingerprint")),
    trace=word,
    business_date=maybe,
    amount=st.none() | st.builds(Money, st.integers(-(1 << 62), 1 << 62), word),
    card=st.none() | cards,
    from_account=maybe,
    to_account=maybe,
    original_key=maybe,
    standing_minor=st.none() | st.integers(0, 1 << 62),
    needs_completion=st.booleans(),
    extra=st.dictionaries(word, word, max_size=3),
)


@given(requests)
def test_a_request_comes_back_less_its_secrets(request: Request) -> None:
    packed = pack_request(request)
    card = request.card
    pan = None if card is None else card.pan
    assert b"SECRET" not in packed
    if pan is not None:
        assert pan.reveal().encode() not in packed
    back = unpack_request(request.key, packed, pan)
    kept = None
    if card is not None and (card.pan or card.expiry is not None or card.sequence is not None or card.entry_mode is not None):
        kept = CardData(pan=pan, expiry=card.expiry, sequence=card.sequence, entry_mode=card.entry_mode)
    assert back == msgspec.structs.replace(request, card=kept, fingerprint_text=Secret(""))
