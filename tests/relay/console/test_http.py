"""What a browser sends is read into plain values or not at all, and every answer keeps a page to itself."""

from __future__ import annotations

import pytest

from relay.console import http
from relay.console.assets import ASSETS, CSS_PATH
from relay.outbound.api import HttpAnswer, HttpRequest

FORM = {"content-type": "application/x-www-form-urlencoded"}


def read(method: str, target: str, body: bytes = b"", **headers: str) -> http.Asked | None:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return http.read(HttpRequest(method, target, given, body, "", "192.0.2.7"))


def header(answer: HttpAnswer, name: str) -> list[str]:
    return [value for each, value in answer.headers if each == name]


def test_a_request_as_it_is_read() -> None:
    asked = read("GET", "/sessions?q=%E6%9D%B1&branch=1&branch=2&empty=", cookie="a=1; b=2; a=3", x_refresh="1")
    assert asked is not None
    assert (asked.path, asked.one("q"), asked.one("empty"), asked.address) == ("/sessions", "東", "", "192.0.2.7")
    assert asked.one("branch") == "", "a name that came twice is none"
    assert dict(asked.cookies) == {"b": "2"}, "a cookie that came twice is none of ours"
    assert asked.is_refresh
    sent = http.read(HttpRequest("POST", "/deed/x", FORM, b"why=a+b&classes=atm&classes=branch"))
    assert sent is not None
    assert (sent.field("why"), sent.form["classes"], sent.field("classes")) == ("a b", ("atm", "branch"), "")


@pytest.mark.parametrize(
    ("method", "target", "body", "headers"),
    [
        ("PUT", "/", b"", {}),
        ("HEAD", "/", b"", {}),
        ("GET", "http://evil.example/", b"", {}),
        ("GET", "//evil.example/", b"", {}),
        ("GET", "*", b"", {}),
        ("GET", "/\\evil.example", b"", {}),
        ("GET", "/\x7f", b"", {}),
        ("GET", "/\xe9", b"", {}),
        ("GET", "/?q=%ff%fe", b"", {}),
        ("GET", "/?" + "&".join(f"a{n}=1" for n in range(http.FIELDS_COUNT_MAX + 1)), b"", {}),
        ("POST", "/", b"a=1", {}),
        ("POST", "/", b"{}", {"content_type": "application/json"}),
        ("POST", "/", b"--x", {"content_type": "multipart/form-data; boundary=x"}),
        ("POST", "/", b"a=\xff", {"content_type": http.FORM_TYPE}),
    ],
)
def test_what_no_browser_of_ours_sends(method: str, target: str, body: bytes, headers: dict[str, str]) -> None:
    assert read(method, target, body, **headers) is None


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({}, True),
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "same-site"}, False),
        ({"origin": "https://relay.example:8443"}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "null"}, False),
    ],
)
def test_forms_from_elsewhere(headers: dict[str, str], is_ours: bool) -> None:
    asked = read("GET", "/", host="relay.example:8443", **headers)
    assert asked is not None
    assert http.is_from_here(asked) is is_ours


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/sessions?q=1", "/sessions?q=1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("/東", "/"),
        ("", "/"),
        ("/" + "a" * 1_000, "/"),
    ],
)
def test_the_way_after_a_sign_in_leads_to_us(text: str, path: str) -> None:
    assert http.own_path(text) == path


def test_every_answer_keeps_a_page_to_itself() -> None:
    for is_tls in (True, False):
        for answer in (
            http.html(200, "x", is_tls=is_tls),
            http.see_other("/", is_tls=is_tls),
            http.attachment("a.html", "x", is_tls=is_tls),
        ):
            (policy,) = header(answer, "Content-Security-Policy")
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "http" not in policy
            assert header(answer, "Cache-Control") == ["no-store"]
            assert header(answer, "X-Content-Type-Options") == ["nosniff"]
            assert header(answer, "Referrer-Policy") == ["same-origin"], "no-referrer would make the origin of our forms null"
            assert bool(header(answer, "Strict-Transport-Security")) is is_tls


def test_assets_may_be_kept_because_their_path_changes_with_them() -> None:
    found = ASSETS[CSS_PATH]
    fresh = http.asset(found, "", is_tls=True)
    assert (fresh.status, fresh.body) == (200, found.body)
    assert header(fresh, "Cache-Control") == ["public, max-age=31536000, immutable"]
    again = http.asset(found, found.etag, is_tls=True)
    assert (again.status, again.body) == (304, b"")


def test_cookies() -> None:
    said = http.cookie("relay-session", "t", is_tls=True)
    assert said == "__Host-relay-session=t; Path=/; HttpOnly; SameSite=Strict; Secure"
    assert "Secure" not in http.cookie("relay-session", "t", is_tls=False)
    assert http.cookie("x", "", is_tls=True, max_age_s=0).endswith("Max-Age=0")
