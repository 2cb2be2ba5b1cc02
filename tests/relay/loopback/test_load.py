"""The issue's load in short form: the real daemon, a storm, a lost zone, kill -9, and the ledger against the books."""

from __future__ import annotations

import pytest

from relay.bridge import drain
from relay.loopback.customers import Customers
from relay.loopback.deeds import AtmPolicy
from relay.loopback.figures import LoadReport, as_text
from relay.loopback.isotroupe import IsoTroupe
from relay.loopback.load import Load, LoadSettings
from relay.loopback.moments import Moment
from relay.loopback.runner import on_a_stage
from relay.loopback.scenario import plan
from relay.loopback.stage import Stage, StageSettings, free_port
from relay.loopback.troupe import HOST, Part
from relay.loopback.troupes import DEFAULT_SHARES, ISO8583


class Watcher:
    def __init__(self) -> None:
        self.moments: list[Moment] = []
        self.sentences: list[str] = []

    def second(self, moment: Moment) -> None:
        self.moments.append(moment)

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)


def check(report: LoadReport) -> None:
    assert report.is_good, as_text(report)
    assert (report.lost, report.doubled, report.violations, report.in_doubt_after_quiet) == (0, 0, 0, 0)


@pytest.mark.timeout(400)
async def test_with_faults_on_nothing_is_lost_and_nothing_is_posted_twice() -> None:
    watcher = Watcher()
    settings = LoadSettings(
        terminals=30, rate_per_s=60.0, duration_s=18.0, policy=AtmPolicy(reply_timeout_ms=12_000), dialects={ISO8583: 1.0}
    )
    stage = StageSettings(reply_deadline_ms=8_000, call_timeout_ms=3_000)
    report = await on_a_stage(settings, stage, plan(18, storms=1, zone_losses=1, daemon_kills=1), watcher)
    check(report)
    assert report.requests > 300
    assert report.daemon_kills == 1
    assert sum(report.faults.values()) > 5
    assert report.links_lost >= 30  # the kill was real
    assert report.outside_fault_windows_core_outcome_ratio >= 0.999, report.outside_fault_windows_misses
    assert report.listed <= max(2, report.requests // 1_000), report.listed_reasons
    assert sum(moment.requests for moment in watcher.moments) == report.requests
    assert any("kill -9" in sentence for sentence in watcher.sentences)


@pytest.mark.timeout(400)
async def test_all_dialects_together_with_a_kill_nothing_is_lost_and_nothing_is_posted_twice() -> None:
    watcher = Watcher()
    settings = LoadSettings(
        terminals=24,
        rate_per_s=60.0,
        duration_s=18.0,
        policy=AtmPolicy(reply_timeout_ms=12_000),
        dialects={ISO8583: 40, "ndc": 25, "branch-p1": 20, "zrc": 10, "zengin-file": 5},
        outbound_per_s=4.0,
    )
    stage = StageSettings(reply_deadline_ms=8_000, call_timeout_ms=3_000)
    report = await on_a_stage(settings, stage, plan(18, storms=1, daemon_kills=1), watcher)
    check(report)
    assert (report.outbound_lost, report.outbound_doubled) == (0, 0), report.outbound_examples
    assert report.daemon_kills == 1
    assert list(report.dialects) == list(DEFAULT_SHARES)
    for name, own in report.dialects.items():
        assert own.conservation_holds, name
        assert own.answered > 10, name
        assert own.ledger_minor, f"{name} moved no money: equal books would prove nothing"
        if name != "branch-p1":  # no telegram there is the core's to start
            assert own.outbound.get("acknowledged", 0) >= 1, (name, own.outbound)
    assert sum(own.requests for own in report.dialects.values()) == report.requests
    assert report.listed <= 10, report.listed_reasons
    iso, swept = report.dialects[ISO8583], report.reconciled
    assert iso.books["totals_in_balance"] + iso.books["totals_out_of_balance"] == iso.peers, "each ATM was answered"
    assert swept["statements"] >= iso.peers + report.dialects["ndc"].peers, swept
    assert (swept["whole"], swept["listed"]) == (1, 0), swept
    assert swept["totals_differ"] <= report.unresolved_deposits, swept
    assert {line.name for line in watcher.moments[-1].lines} == set(DEFAULT_SHARES)


@pytest.mark.timeout(400)
async def test_against_a_relay_elsewhere_the_ledger_is_read_over_http(tmp_path_factory: pytest.TempPathFactory) -> None:
    customers = Customers(card_count=100)
    part = Part(terminals=5, rate_per_s=None, think_ms=5)
    atms = IsoTroupe(part, customers, AtmPolicy(), (HOST, free_port()))
    stage = Stage(tmp_path_factory.mktemp("stage"), StageSettings(), customers, [atms.site()])
    try:
        await stage.start()
        load = Load(
            LoadSettings(duration_s=2.0),
            [atms],
            Watcher(),
            control_path=stage.control_path,
            ledger_url=f"http://{HOST}:{stage.core.port}",
        )
        report = await load.run()
        assert await stage.drain_daemon() == 0
    finally:
        await stage.stop()
        await drain(1_000)
    check(report)
    assert report.reconciled == {}, "its sweeps are its own people's"
    assert report.requests > 20


@pytest.mark.timeout(400)
async def test_the_day_ends_with_totals_in_balance_and_a_mistake_on_purpose_is_found() -> None:
    """Every ATM overstates its debits by a note; nobody else does. Messages agree, totals do not, and each ATM is told so."""
    for off_minor, word in ((0, "totals_in_balance"), (1_000, "totals_out_of_balance")):
        policy = AtmPolicy(totals_off_minor=off_minor, not_taken_share=0.1)
        settings = LoadSettings(terminals=8, rate_per_s=40.0, duration_s=4.0, policy=policy, dialects={ISO8583: 1.0})
        report = await on_a_stage(settings, StageSettings(), [], Watcher())
        check(report)
        assert report.reversed > 0
        swept = report.reconciled
        assert (swept["whole"], swept["statements"], swept["mended"], swept["listed"]) == (1, 8, 0, 0), swept
        assert swept["totals_differ"] == (8 if off_minor else 0)
        assert report.dialects[ISO8583].books[word] == 8
