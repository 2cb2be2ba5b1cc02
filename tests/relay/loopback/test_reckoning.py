"""Ledger lines go to the troupe whose word is in their key; what moved money and is nobody's is lost."""

from __future__ import annotations

from relay.loopback.claims import Claim
from relay.loopback.deliveries import Outcome
from relay.loopback.reckoning import reckon
from relay.loopback.report import LedgerLine, Listed
from tests.support.sometroupe import SomeTroupe

NONE = [Outcome({}), Outcome({})]


def test_each_troupe_gets_its_own_lines_keys_and_listed_rows() -> None:
    ndc, files = SomeTroupe("ndc"), SomeTroupe("zfile")
    ndc.claims = [Claim(terminal="T", trace="1", kind="k", fate="f", minor=-5)]
    lines = [LedgerLine("bank:ndc:a", "T", "1", -5), LedgerLine("bank:zfile:b", "F", "1", -7)]
    done = reckon([ndc, files], lines, [Listed("bank:zfile:b")], ["bank:zfile:b"], NONE)
    assert (ndc.held, files.held) == (lines[:1], lines[1:])
    assert [(one.troupe, one.listed, one.conservation.doubled) for one in done.accounts] == [("ndc", 0, 0), ("zfile", 1, 1)]
    assert (done.whole.ledger_minor, done.whole.lost, done.whole.doubled, done.holds) == (-12, 0, 1, False)


def test_money_under_a_strange_key_is_lost() -> None:
    done = reckon([SomeTroupe("ndc"), SomeTroupe("zrc")], [LedgerLine("bank:other:1", "T", "1", 5)], [], [], NONE)
    assert (done.whole.lost, done.holds) == (1, False)
    assert reckon([SomeTroupe("ndc"), SomeTroupe("zrc")], [LedgerLine("nonsense", "T", "1", 0)], [], [], NONE).holds


def test_a_troupe_alone_owns_every_key() -> None:
    """A bank's own key recipe may have no word of a dialect."""
    alone = SomeTroupe("iso8583")
    reckon([alone], [LedgerLine("7", "T", "1", 5)], [], [], NONE[:1])
    assert len(alone.held) == 1


def test_a_message_that_was_lost_breaks_the_whole() -> None:
    assert not reckon([SomeTroupe("ndc")], [], [], [], [Outcome({}, lost=1)]).holds
    assert not reckon([SomeTroupe("ndc")], [], [], [], [Outcome({}, doubled=1)]).holds
