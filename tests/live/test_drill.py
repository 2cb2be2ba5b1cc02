"""A small live drill: a region of the lab is lost under traffic, people at terminals and in browsers pass three gates, and the
orchestrator is killed a few times; the other region serves, nothing is lost, nothing is done twice or before its gate. The long
form is `python -m tests.live.lab.drill`.
"""

from __future__ import annotations

import pytest

from relay.loopback.lab.drill import Drill
from relay.loopback.lab.drillconsoles import SPEAKERS
from relay.loopback.lab.drillpeople import typed
from relay.loopback.lab.drillplan import LOG_KEY, PEOPLE, socket_of
from relay.loopback.lab.drillplay import play
from relay.loopback.lab.lab import ROOT
from relay.loopback.lab.topology import CENTERS, peer_of
from tests.live.lab.drill import show, show_check
from tests.live.lab.drillbrowsers import Browsers, split
from tests.live.lab.drillkills import End, Executioner, read_notes
from tests.live.lab.play import CALM_BFD_MS, played
from tests.support.tools import need_browser, need_lab

ENDS = (
    End("gate-passed/", "before"),  # two have approved, and nobody wrote that it is enough
    End("intended/seal-osaka", "later", 100),  # said to the relay, or not
    End("intended/promote", "later", 700),  # the promotion is under way
    End("intended/move-the-record", "after"),  # nothing has left yet
)


@pytest.mark.timeout(900)  # a minute on a machine that has nothing else to do
def test_a_region_is_lost_people_decide_and_a_killed_orchestrator_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    need_lab()
    need_browser()
    with played(bfd_ms=CALM_BFD_MS) as lab_play:
        lab = lab_play.lab
        notes, acting = lab.folder / "kills.jsonl", peer_of(lab.regions().primary)
        with Browsers(lab, acting) as browsers:
            at_terminals = typed(str(ROOT), socket_of(str(lab.folder), acting))
            words, voice = Executioner(ENDS, notes).words, split(at_terminals, browsers)
            outcome = play(Drill(lab, words=words, speakers=SPEAKERS, voice=voice))
            report = browsers.report()
        with capsys.disabled():
            print()
            show(outcome)
        assert outcome.state == "DONE"
        assert outcome.wrong == ()
        assert [one.name for one in PEOPLE if one.name not in report] == []
        assert browsers.troubles == []
        assert [f"{note.what}/{note.step}" for note in read_notes(notes)] == [end.line for end in ENDS]
        assert outcome.lives == 1 + len(ENDS)
        for city in CENTERS:
            (log,) = (lab.folder / city / "failover").glob("*.run")
            unsigned = [line for line in log.read_bytes().splitlines() if not line[65:].startswith(f"{LOG_KEY}.".encode())]
            assert unsigned == [], city
        assert lab_play.active() == "osaka"
        verdict = lab_play.evening()
        with capsys.disabled():
            show_check(verdict)
        assert (verdict.lost, verdict.doubled, verdict.unended) == (0, 0, 0), verdict
        assert verdict.is_good, verdict
    assert not lab_play.lab.folder.exists()
