"""What an operator reads of acknowledgements: sentences with a page of the runbook each."""

from __future__ import annotations

from relay.control.acks import AckRow, AcksReport, ack_words

ADVICE = AckRow(name="advice", needs=("local+peer", "core"), holds="local+peer")
OUTWARD = AckRow(name="outward", needs=("local+peer",), holds="local+peer")


def test_nothing_to_say_while_the_standby_follows_or_there_is_none() -> None:
    assert list(ack_words(AcksReport())) == []
    assert list(ack_words(AcksReport(standby="osaka", peer="follows", classes=(ADVICE, OUTWARD)))) == []


def test_a_fall_back_says_who_is_away_why_and_what_holds() -> None:
    fallen = AckRow(name="advice", needs=ADVICE.needs, holds="core", since_ms=5)
    report = AcksReport(standby="osaka", peer="away", why="no standby called osaka follows", classes=(fallen,))
    words = list(ack_words(report))
    assert words == [
        (
            "the journal's standby osaka is away: no standby called osaka follows; acknowledged are advice by core",
            "runbook: RelayAckFallback",
        )
    ]


def test_what_is_refused_comes_first() -> None:
    refused = AckRow(name="outward", needs=OUTWARD.needs)
    words = list(ack_words(AcksReport(standby="osaka", peer="away", why="w", classes=(ADVICE, refused))))
    assert words[0] == ("nothing of this class is acknowledged: outward", "runbook: RelayAckRefused")
    assert len(words) == 2


def test_a_server_that_waits_itself_is_told_though_all_is_well() -> None:
    words = list(ack_words(AcksReport(standby="osaka", peer="follows", warning="the server itself waits")))
    assert words == [("the journal's standby osaka: the server itself waits", "runbook: RelayAckFallback")]
