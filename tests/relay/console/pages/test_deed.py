"""The form of each deed: what it does, what it is about, why, and a tick for what is grave; and how it went."""

from __future__ import annotations

import pytest

from relay.console.deedkinds import Deed
from relay.console.deeds import DEEDS
from relay.console.pages.deed import deed_done, deed_form
from relay.console.pages.failover_deed import Offer
from tests.support.consoleroom import assert_page, fields_of, frame, tags_of, words_of


@pytest.mark.parametrize("deed", DEEDS.values(), ids=lambda deed: deed.name)
def test_every_form(deed: Deed) -> None:
    for language in ("en", "ja"):
        seen = frame(f"/deed/{deed.name}", language=language)  # type: ignore[arg-type]  # both are languages
        given = {"key": ('<k>"',), "number": ("7",), "why": ("<because>",), "classes": ("atm",), "proof": ("123456",)}
        given |= dict.fromkeys(("run", "gate", "seen", "step", "undo"), ("x",))
        given |= {"saw-1": ("<because>",), "code": ("ABCDE",)}
        offer = Offer(known={"role": (("r", "<r>"),), "second": (("", "-"), ("K", "<K>"))}, lines=((1, "<line>"),))
        made = deed_form(seen, deed, "number-1", given, "wrong <b>", offer)
        assert_page(made)
        fields = fields_of(made, f"/deed/{deed.name}")
        assert (fields["csrf"], fields["form"]) == ("proof", "number-1")
        assert "who" not in fields
        for field in deed.fields:
            if field.is_fixed:
                assert fields[field.name] == given[field.name][0]
        tags = tags_of(made)
        assert [given.get("name") for tag, given in tags if tag == "textarea"] == (["why"] if deed.why_as else [])
        assert "123456" not in made
        assert "ABCDE" not in made
        assert bool([1 for _, each in tags if each.get("name") == "sure"]) is deed.is_grave
        assert '<p class="wrong" role="alert">wrong &lt;b&gt;' in made, "a sentence in the reader's language"
        assert "&lt;because&gt;" in made


def test_how_it_went() -> None:
    deed = DEEDS["resolve"]
    done = deed_done(frame("/deed/resolve"), deed, "resolved <b>", "", is_done=True)
    assert_page(done)
    assert "done resolved <b>" in words_of(done)
    half = deed_done(frame("/deed/takeover-begin"), DEEDS["takeover-begin"], "NOT YET", "", is_done=True, is_half=True)
    assert "signed by one of two NOT YET" in words_of(half)
    refused = deed_done(frame("/deed/resolve"), deed, "not on the list", "relay saf list", is_done=False)
    assert "refused not on the list relay saf list" in words_of(refused)
