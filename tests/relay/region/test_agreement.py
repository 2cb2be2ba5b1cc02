"""The rule row by row, and what no sequence of answers can bring about."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.region.agreement import EPOCHS_TOLD_MAX, OK, Conclusion, Known, Meaning, Names, Told, conclude, quorum_of, read_word
from relay.region.record import RegionRecord, format_record

KEY = bytes(32)
NAMES = Names("_active.core.example", {"tokyo": "tyo.core.example", "osaka": "osa.core.example."}, True, (KEY,))


def says(epoch: int, region: str = "tokyo", run: str = "r") -> RegionRecord:
    return RegionRecord(epoch, region, run)


TOKYO, OSAKA, NEXT = says(8), says(8, "osaka"), says(9, "osaka")
KNOWN = Known(8, "tokyo")


@pytest.mark.parametrize(
    ("heard", "quorum", "meaning"),
    [
        ([], 2, Meaning.NOTHING),
        ([says(7)], 2, Meaning.OLD),
        ([says(7), says(6, "osaka"), says(7, "osaka")], 2, Meaning.OLD),
        ([TOKYO], 2, Meaning.CONFIRMED),
        ([TOKYO, says(7, "osaka")], 2, Meaning.CONFIRMED),
        ([OSAKA], 2, Meaning.FREEZE),
        ([TOKYO, OSAKA], 2, Meaning.FREEZE),
        ([OSAKA, OSAKA, OSAKA], 2, Meaning.FREEZE),
        ([NEXT], 2, Meaning.CANDIDATE),
        ([NEXT, TOKYO], 2, Meaning.CANDIDATE),
        ([NEXT, NEXT], 2, Meaning.RAISE),
        ([NEXT, NEXT, TOKYO], 2, Meaning.RAISE),
        ([NEXT, says(9, "osaka", run="other")], 2, Meaning.RAISE),
        ([NEXT, NEXT, OSAKA], 2, Meaning.RAISE),  # a higher epoch heals what was frozen
        ([NEXT, NEXT], 3, Meaning.CANDIDATE),
        ([NEXT, says(9)], 2, Meaning.FREEZE),
        ([NEXT, NEXT, says(9)], 2, Meaning.FREEZE),
        ([NEXT, says(10)], 2, Meaning.CANDIDATE),
        ([NEXT, NEXT, says(2**53 - 1)], 2, Meaning.RAISE),  # one that runs ahead holds nobody up
        ([TOKYO, TOKYO, says(10, "osaka")], 2, Meaning.CANDIDATE),
        ([OSAKA, says(10, "osaka")], 2, Meaning.CANDIDATE),
    ],
)
def test_the_rule(heard: list[RegionRecord], quorum: int, meaning: Meaning) -> None:
    assert conclude(KNOWN, heard, quorum).meaning is meaning


@pytest.mark.parametrize(
    ("known", "heard", "before", "meaning"),
    [
        (Known(0), [TOKYO], [], Meaning.CANDIDATE),
        (Known(0), [TOKYO, TOKYO], [], Meaning.RAISE),
        (Known(0), [TOKYO, OSAKA], [], Meaning.FREEZE),
        (Known(8), [TOKYO, TOKYO], [], Meaning.RAISE),  # the ratchet knows the epoch and not whose it is
        (Known(8), [OSAKA], [TOKYO], Meaning.FREEZE),  # two truths, one after the other
        (KNOWN, [NEXT, NEXT], [says(9)], Meaning.FREEZE),
        (KNOWN, [NEXT, NEXT], [says(9), NEXT], Meaning.FREEZE),  # whoever of the two was heard first,
        (KNOWN, [NEXT, NEXT], [NEXT, says(9)], Meaning.FREEZE),  # and although the other one is told no more
        (KNOWN, [NEXT, NEXT], [says(9), says(10, "osaka")], Meaning.FREEZE),  # one that ran ahead in between hides nothing
        (KNOWN, [NEXT, NEXT], [NEXT], Meaning.RAISE),
        (KNOWN, [says(10), says(10)], [NEXT], Meaning.RAISE),
        (KNOWN, [says(10), says(10)], [NEXT, says(9)], Meaning.RAISE),
        (KNOWN, [TOKYO], [NEXT], Meaning.CONFIRMED),
        (KNOWN, [TOKYO], [OSAKA], Meaning.CONFIRMED),  # whose the known epoch is, is known
    ],
)
def test_the_rule_at_a_first_start_and_over_time(
    known: Known, heard: list[RegionRecord], before: list[RegionRecord], meaning: Meaning
) -> None:
    told = Told()
    for record in before:
        told.remember([record], known)
    assert conclude(known, heard, 2, told).meaning is meaning


def test_what_is_remembered_is_bounded_and_what_is_over_is_forgotten() -> None:
    told = Told()
    told.remember([says(epoch) for epoch in range(1, EPOCHS_TOLD_MAX + 10)], KNOWN)
    assert [epoch for epoch in range(EPOCHS_TOLD_MAX + 10) if told.regions(epoch)] == list(range(10, EPOCHS_TOLD_MAX + 10))
    told.remember([], Known(12, "tokyo"))
    assert not told.regions(11)
    assert told.regions(12) == {"tokyo"}


def test_who_is_confirmed_stays_so_whatever_one_server_claims() -> None:
    assert conclude(KNOWN, [TOKYO, says(10, "osaka")], 2).is_confirmed
    assert not conclude(KNOWN, [says(7), says(10, "osaka")], 2).is_confirmed


def test_a_contradiction_names_both() -> None:
    assert conclude(KNOWN, [OSAKA], 2) == Conclusion(Meaning.FREEZE, None, False, ("osaka", "tokyo"), 8)


@pytest.mark.parametrize(("servers", "quorum"), [(1, 2), (2, 2), (3, 2), (4, 3), (5, 3), (8, 5)])
def test_one_alone_is_never_a_quorum(servers: int, quorum: int) -> None:
    assert quorum_of(servers) == quorum


RECORDS = st.builds(says, st.integers(1, 6), st.sampled_from(["tokyo", "osaka"]))
ROUNDS = st.lists(st.tuples(st.lists(RECORDS, max_size=3), st.booleans()), max_size=30)


@given(ROUNDS, st.integers(0, 4))
def test_epochs_never_go_back_and_no_epoch_has_two_regions(rounds: list[tuple[list[RegionRecord], bool]], first: int) -> None:
    known, told = Known(first), Told()
    regions: dict[int, str] = {}
    ever: set[tuple[int, str]] = set()
    for heard, is_confirmed in rounds:
        before = known
        conclusion = conclude(known, heard, quorum_of(3), told)
        record = conclusion.record
        told.remember(heard, known)
        ever.update((each.epoch, each.region) for each in heard)
        if conclusion.meaning is Meaning.RAISE or (conclusion.meaning is Meaning.CANDIDATE and is_confirmed):
            assert record is not None
            assert record.epoch > known.epoch or not known.region
            assert {region for epoch, region in ever if epoch == record.epoch} == {record.region}
            assert regions.setdefault(record.epoch, record.region) == record.region
            known = Known(record.epoch, record.region)
        if conclusion.is_confirmed and conclusion.meaning is not Meaning.RAISE:
            assert any((each.epoch, each.region) == (before.epoch, before.region) for each in heard)


@given(RECORDS, st.lists(st.integers(1, 5), max_size=2))
def test_one_liar_among_honest_servers_moves_nothing_by_itself(lie: RegionRecord, lower: list[int]) -> None:
    heard = [lie, *(says(epoch) for epoch in lower), says(6)]
    assert conclude(Known(6, "tokyo"), heard, quorum_of(4)).meaning is not Meaning.RAISE


# ---- one server -------------------------------------------------------------------------------------------------------------
class Word(msgspec.Struct, frozen=True):
    trouble: str = ""
    texts: tuple[tuple[bytes, ...], ...] = ((format_record(NEXT, NAMES.record_name, KEY).encode(),),)
    target: str = "OSA.core.example"


def test_what_a_server_says() -> None:
    assert read_word(Word(), NAMES) == (NEXT, OK)


@pytest.mark.parametrize(
    ("word", "why"),
    [
        (Word(trouble="silent"), "silent"),
        (Word(texts=()), "no-record"),
        (Word(texts=Word().texts * 2), "record-count"),
        (Word(texts=((b"v=spf1",),)), "version"),
        (Word(target="tyo.core.example"), "alias-differs"),
        (Word(target=""), "alias-differs"),
        (Word(texts=((format_record(says(9, "nagoya"), NAMES.record_name, KEY).encode(),),)), "unknown-region"),
        (Word(texts=((format_record(NEXT, NAMES.record_name, bytes([1] * 32)).encode(),),)), "bad-mac"),
    ],
)
def test_what_counts_as_nothing(word: Word, why: str) -> None:
    assert read_word(word, NAMES) == (None, why)


def test_without_an_alias_none_is_asked_for() -> None:
    assert read_word(Word(target=""), msgspec.structs.replace(NAMES, has_alias=False)) == (NEXT, OK)
