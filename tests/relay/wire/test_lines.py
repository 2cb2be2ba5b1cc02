"""What can never find its line is said when it is posted, and agrees with what the roster finds."""

from __future__ import annotations

import pytest

from protocols.branch.dialect import BRANCH
from protocols.branch.profile import BranchProfile
from protocols.dialect import DialectKit
from protocols.dialects import DIALECTS
from protocols.iso8583.dialect import ISO8583
from protocols.iso8583.profile import Iso8583Profile
from protocols.ndc.dialect import NDC
from protocols.ndc.profile import NdcProfile
from protocols.relatingkit import NamingDialect
from protocols.zengin.session.dialect import ZRC
from protocols.zengin.session.profile import ZrcProfile
from relay.exchange.ports import ListenerFacts
from relay.wire.lines import why_never


def facts(kit: DialectKit, profile: object, *terminals: str) -> ListenerFacts:
    return ListenerFacts(
        name="here",
        realm="bank",
        channel="atm",
        reply_deadline_ms=1_000,
        dialect=kit.build(profile, lambda name: "", lambda: 0),
        terminals=frozenset(terminals),
    )


ZRC_FACTS = facts(ZRC, ZrcProfile())
ISO_FACTS = facts(ISO8583, Iso8583Profile())


@pytest.mark.parametrize(("kit", "profile"), [(ZRC, ZrcProfile()), (NDC, NdcProfile()), (BRANCH, BranchProfile())])
def test_a_listener_whose_links_each_speak_for_one_needs_the_name(kit: DialectKit, profile: object) -> None:
    assert "name it" in why_never(facts(kit, profile), False, "")
    assert why_never(facts(kit, profile), True, "") == "", "a dialer has one link"


def test_the_only_name_of_a_line_is_told_and_no_other_is_taken() -> None:
    assert why_never(ZRC_FACTS, False, "") == "each link of here speaks for one line or terminal: name it (zrc-01-01)"
    for is_dialled in (True, False):
        assert why_never(ZRC_FACTS, is_dialled, "zrc-01-01") == ""
        assert why_never(ZRC_FACTS, is_dialled, "zrc-01-02") == "the line of here is zrc-01-01"


def test_the_links_of_a_switch_speak_for_many_and_terminals_are_those_allowed() -> None:
    assert not isinstance(ISO_FACTS.dialect, NamingDialect)
    for line in ("", "ATM00001"):
        assert why_never(ISO_FACTS, False, line) == ""
    allowed = facts(ISO8583, Iso8583Profile(), "ATM00001")
    assert why_never(allowed, False, "ATM00001") == ""
    assert why_never(allowed, False, "ATM00002") == "here does not allow this terminal"


def test_every_dialect_is_thought_of() -> None:
    assert set(DIALECTS) == {"iso8583", "ndc", "branch-p1", "zrc", "zengin-file"}, "does a new one name its lines?"
