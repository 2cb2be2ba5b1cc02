"""Text stays text, whatever it is; what the policy would refuse is refused where a test sees it."""

from __future__ import annotations

import pytest

from relay.console.html import Html, address, h, join

SCRIPT = "<script>alert(1)</script>"


def test_text_is_escaped_and_markup_is_not() -> None:
    assert h("td", SCRIPT, h("b", 'a"<&')) == '<td>&lt;script&gt;alert(1)&lt;/script&gt;<b>a"&lt;&amp;</b></td>'
    assert join("<", Html("<br>"), None, 3, ["&", h("i")]) == "&lt;<br>3&amp;<i></i>"


def test_attributes() -> None:
    made = h("input", class_="a", data_key='"><script>', checked=True, hidden=False, title=None, maxlength=3)
    assert made == '<input class="a" data-key="&quot;&gt;&lt;script&gt;" checked maxlength="3">'


@pytest.mark.parametrize("name", ["onclick", "style", "a b", "x="])
def test_an_attribute_that_would_not_work_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="attribute"):
        h("a", **{name: "x"})


@pytest.mark.parametrize(
    "where", ["javascript:alert(1)", "//evil.example/", "https://evil.example", "/\\evil", "/a b", "/a\nb", "x"]
)
def test_an_address_is_a_path_of_ours(where: str) -> None:
    with pytest.raises(ValueError, match="path"):
        h("a", href=where)


def test_addresses_quote_what_is_asked() -> None:
    assert address("/x", q='a&b="<', none=None, empty="") == "/x?q=a%26b%3D%22%3C"
    assert h("a", href=address("/x", q="javascript:")) == '<a href="/x?q=javascript%3A"></a>'
    assert address("/") == "/"
