"""What each answer means, by either source of the epoch, and what no sequence of answers can bring about."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.core.contract import RegionAnswer
from relay.permit import Permit
from relay.region.view import RegionView, Verdict


def word(epoch: int, state: str = "serving", region: str = "tokyo") -> RegionAnswer:
    return msgspec.convert({"region": region, "epoch": epoch, "state": state}, RegionAnswer)


WORDS = st.none() | st.builds(
    word, st.integers(0, 12), st.sampled_from(["serving", "blocked", "standby"]), st.sampled_from(["tokyo", "osaka"])
)


@given(st.integers(0, 5), st.lists(st.tuples(WORDS, st.booleans()), max_size=40))
def test_the_epoch_never_goes_back_and_a_permit_is_always_for_the_ratchet(
    first: int, steps: list[tuple[RegionAnswer | None, bool]]
) -> None:
    view, highest = RegionView(first), first
    for said, is_durable in steps:
        before = view.permit
        verdict = view.heard(said)
        if verdict is Verdict.RAISE:
            assert said is not None
            assert view.permit is None
            if is_durable:
                view.raised(said.epoch)
                assert view.heard(said) in (Verdict.SERVING, Verdict.SUSPENDED)
        elif verdict in (Verdict.SILENT, Verdict.LOWER_EPOCH, Verdict.CONTRADICTION):
            assert view.permit == before
        assert view.epoch >= highest
        highest = view.epoch
        if view.permit is not None:
            assert view.permit == Permit(view.epoch, view.region)


def test_a_region_that_calls_itself_otherwise_is_another_one_until_a_higher_epoch_and_calls_name_it_then() -> None:
    view = RegionView(7)
    view.heard(word(7))
    assert view.heard(word(7, region="tokyo-east")) is Verdict.CONTRADICTION
    assert view.permit == Permit(7, "tokyo")
    assert view.heard(word(8, region="tokyo-east")) is Verdict.RAISE
    view.raised(8)
    assert view.heard(word(8, region="tokyo-east")) is Verdict.SERVING
    assert view.permit == Permit(8, "tokyo-east")


def test_a_step_back_is_refused() -> None:
    view = RegionView(8)
    with pytest.raises(ValueError, match="never goes back"):
        view.raised(7)


# ---- where DNS names the region ----------------------------------------------------------------------
def test_without_a_name_there_is_no_permit_whatever_a_region_says() -> None:
    view = RegionView(8, follows_dns=True)
    assert view.heard(word(8)) is Verdict.UNNAMED
    assert view.permit is None


def test_the_durable_region_has_to_confirm_itself() -> None:
    view = RegionView(8, "tokyo", follows_dns=True)
    assert view.heard(word(8, region="osaka")) is Verdict.CONTRADICTION
    assert view.permit is None
    assert view.heard(word(8)) is Verdict.SERVING
    assert view.permit == Permit(8, "tokyo")


def test_a_region_that_runs_ahead_raises_nothing_and_is_not_asked_under_the_lower_epoch() -> None:
    view = RegionView(8, "tokyo", follows_dns=True)
    view.heard(word(8))
    assert view.heard(word(9)) is Verdict.AHEAD
    assert (view.permit, view.epoch, view.heard_epoch) == (None, 8, 8)
    assert view.heard(word(8)) is Verdict.SERVING


def test_from_the_name_until_it_is_durable_nobody_is_asked() -> None:
    view = RegionView(8, "tokyo", follows_dns=True)
    view.heard(word(8))
    assert view.named(9, "osaka")
    assert view.permit is None
    assert view.heard(word(8)) is Verdict.LOWER_EPOCH  # the old one is over
    assert view.heard(word(9, region="osaka")) is Verdict.AHEAD  # and the new one is not durable
    view.raised(9, "osaka")
    assert view.heard(word(9, region="osaka")) is Verdict.SERVING
    assert view.permit == Permit(9, "osaka")


@pytest.mark.parametrize(("epoch", "region"), [(8, "tokyo"), (8, "osaka"), (7, "tokyo")])
def test_what_is_known_is_not_named_again_nor_otherwise(epoch: int, region: str) -> None:
    assert not RegionView(8, "tokyo", follows_dns=True).named(epoch, region)


def test_an_epoch_that_could_not_be_made_durable_is_never_another_regions() -> None:
    view = RegionView(8, "tokyo", follows_dns=True)
    assert view.named(9, "osaka")
    assert not view.named(9, "tokyo")
    assert view.named(9, "osaka")


def test_the_ratchet_without_a_region_gets_one() -> None:
    view = RegionView(8, follows_dns=True)
    assert view.named(8, "osaka")
    view.raised(8, "osaka")
    assert (view.epoch, view.region) == (8, "osaka")


NAMED = st.tuples(st.integers(0, 8), st.sampled_from(["tokyo", "osaka"]))


@given(st.integers(0, 5), st.lists(st.tuples(WORDS, NAMED | st.none(), st.booleans()), max_size=40))
def test_no_epoch_has_two_regions_and_none_goes_back(
    first: int, steps: list[tuple[RegionAnswer | None, tuple[int, str] | None, bool]]
) -> None:
    view, highest = RegionView(first, follows_dns=True), first
    spoken: dict[int, str] = {}
    for said, name, is_durable in steps:
        if name is not None and view.named(*name) and is_durable:
            view.raised(*name)
        view.heard(said)
        assert view.epoch >= highest
        highest = view.epoch
        if view.permit is not None:
            assert view.permit.epoch == view.heard_epoch
            assert spoken.setdefault(view.permit.epoch, view.permit.region) == view.permit.region
