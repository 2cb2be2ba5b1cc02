"""What cannot be shown is said in both languages, with the way back."""

from __future__ import annotations

import pytest

from relay.console.pages.trouble import trouble
from tests.support.consoleroom import assert_page, frame


@pytest.mark.parametrize("what", ["not-found", "forbidden", "refused", "busy", "failed", "bad-request"])
def test_every_trouble(what: str) -> None:
    for language in ("en", "ja"):
        made = trouble(frame("/x", language=language), what, "detail <b>", "step <i>")  # type: ignore[arg-type]  # both are languages
        assert_page(made)
        assert "detail &lt;b&gt;" in made
        assert "step &lt;i&gt;" in made
