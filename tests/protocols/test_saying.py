"""Every dialect either speaks, says why it is silent, or is ISO 8583, whose message the tool itself makes."""

from protocols.dialects import DIALECTS
from protocols.saying import SilentKit, SpeakingKit


def test_every_dialect_can_be_said_or_says_the_next_step() -> None:
    said = {name: (isinstance(kit, SpeakingKit), isinstance(kit, SilentKit)) for name, kit in DIALECTS.items()}
    assert said.pop("iso8583") == (False, False)
    assert said == {"ndc": (True, False), "branch-p1": (True, False), "zrc": (False, True), "zengin-file": (False, True)}
    for kit in DIALECTS.values():
        if isinstance(kit, SilentKit):
            assert "relay outbound post" in kit.why_silent
