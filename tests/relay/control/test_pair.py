"""What is told of the pair: which sentence stands for what, worst first, and nothing where there is none."""

from __future__ import annotations

from relay.control.pair import PairPeer, PairReport, pair_words

WELL = PairReport(peer="osaka", finding="normal", skew_ms_max=2_000, other=PairPeer(age_ms=300))


def pages(report: PairReport) -> list[str]:
    return [next_step.rpartition(" ")[2] for _, next_step in pair_words(report)]


def test_no_pair_and_a_pair_that_is_well_say_nothing() -> None:
    assert pages(PairReport(finding="cut-off")) == []
    assert pages(WELL) == pages(PairReport(peer="osaka")) == []


def test_everything_at_once_worst_first() -> None:
    report = PairReport(
        peer="osaka",
        finding="cross-connect-lost",
        way="through-peer",
        disagreement="we know epoch 9, and osaka knows 8",
        has_twin=True,
        has_namesake=True,
        is_other_version=True,
        skew_ms_max=2_000,
        other=PairPeer(age_ms=300, version=2, skew_ms=-86_400_000),
    )
    assert pages(report) == [
        "RelayPairCrossConnectLost",
        "RelayPairCrossConnectLost",
        "RelayPairDisagrees",
        "RelayPairTwin",
        "RelayPairTwin",
        "RelayPairOtherVersion",
        "RelayPairClockSkew",
    ]
    assert "the clocks differ by -86400.0 s" in [text for text, _ in pair_words(report)]


def test_a_clock_is_told_beyond_its_limit() -> None:
    at = PairReport(peer="osaka", finding="normal", skew_ms_max=2_000, other=PairPeer(age_ms=1, skew_ms=2_000))
    beyond = PairReport(peer="osaka", finding="normal", skew_ms_max=2_000, other=PairPeer(age_ms=1, skew_ms=2_001))
    assert (pages(at), pages(beyond)) == ([], ["RelayPairClockSkew"])
