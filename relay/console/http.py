"""What a request carries and what an answer must: targets, forms, cookies, and the headers that keep a page to itself.

Owns the reading of untrusted texts into plain values, and the policy of every page. Pure. It must never know a page. The
traps: an answer that a cache keeps shows somebody's customers to somebody else; a form from another site arrives with our
cookie unless the browser's own word about its origin is heard; and of a value that came twice none is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from relay.console.assets import Asset
from relay.outbound.api import HttpAnswer, HttpRequest

FIELDS_COUNT_MAX: Final = 64
HTML_TYPE: Final = "text/html; charset=utf-8"
FORM_TYPE: Final = "application/x-www-form-urlencoded"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_SAFE: Final = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_HSTS: Final = ("Strict-Transport-Security", "max-age=31536000")
NO_STORE: Final = ("Cache-Control", "no-store")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as pages read it. `query` and `form` have every value of a name, in order."""

    method: str
    path: str
    query: Mapping[str, tuple[str, ...]]
    form: Mapping[str, tuple[str, ...]]
    cookies: Mapping[str, str]
    headers: Mapping[str, str]
    address: str

    def one(self, name: str) -> str:
        """The value of a name in the query that came once, else nothing."""
        values = self.query.get(name, ())
        return values[0].strip() if len(values) == 1 else ""

    def field(self, name: str) -> str:
        values = self.form.get(name, ())
        return values[0] if len(values) == 1 else ""

    @property
    def is_refresh(self) -> bool:
        """The page asks for itself again; nobody did anything."""
        return self.headers.get("x-refresh") == "1"


def read(request: HttpRequest) -> Asked | None:
    """None for what no browser of ours sends."""
    if request.method not in ("GET", "POST"):
        return None
    try:
        parts = urlsplit(request.target)
        query = _pairs(parts.query)
        form: Mapping[str, tuple[str, ...]] = {}
        if request.method == "POST":
            if request.headers.get("content-type", "").partition(";")[0].strip() != FORM_TYPE:
                return None
            form = _pairs(request.body.decode("ascii"))
    except ValueError:
        return None
    if parts.netloc or own_path(parts.path) != parts.path:
        return None  # a page would have to write it into its links
    return Asked(
        method=request.method,
        path=parts.path,
        query=query,
        form=form,
        cookies=_cookies(request.headers.get("cookie", "")),
        headers=request.headers,
        address=request.peer,
    )


def is_from_here(asked: Asked) -> bool:
    """Whether the browser says that a form is from a page of ours. One that says nothing is believed; the form's token
    decides."""
    site = asked.headers.get("sec-fetch-site", "same-origin")
    if site not in ("same-origin", "none"):
        return False
    origin = asked.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == asked.headers.get("host", "")


def own_path(text: str) -> str:
    """A path of this site to go to after a sign-in; "/" for whatever leads elsewhere."""
    is_own = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isascii() and text.isprintable()
    return text if is_own and len(text) < 1_000 else "/"


def path_of(path: str, query: Mapping[str, tuple[str, ...]]) -> str:
    """A path of ours with what was asked there, as far as `own_path` takes it."""
    asked = urlencode([(name, value) for name, values in query.items() for value in values])
    whole = f"{path}?{asked}" if asked else path
    return whole if own_path(whole) == whole else path


# ---- answers -----------------------------------------------------------------------------------------------------------
def html(status: int, text: str, *, is_tls: bool, cookies: tuple[str, ...] = ()) -> HttpAnswer:
    headers = (*_safe(is_tls), NO_STORE, *(("Set-Cookie", each) for each in cookies))
    return HttpAnswer(status, text.encode(), HTML_TYPE, headers)


def see_other(path: str, *, is_tls: bool, cookies: tuple[str, ...] = ()) -> HttpAnswer:
    headers = (*_safe(is_tls), NO_STORE, ("Location", path), *(("Set-Cookie", each) for each in cookies))
    return HttpAnswer(303, b"", "text/plain", headers)


def attachment(name: str, text: str, *, is_tls: bool, content_type: str = HTML_TYPE) -> HttpAnswer:
    """A page of its own to keep or print: never opened as one of ours."""
    headers = (*_safe(is_tls), NO_STORE, ("Content-Disposition", f'attachment; filename="{name}"'))
    return HttpAnswer(200, text.encode(), content_type, headers)


def asset(found: Asset, known_etag: str, *, is_tls: bool) -> HttpAnswer:
    headers = (*_safe(is_tls), ("ETag", found.etag), ("Cache-Control", "public, max-age=31536000, immutable"))
    if known_etag == found.etag:
        return HttpAnswer(304, b"", found.content_type, headers)
    return HttpAnswer(200, found.body, found.content_type, headers)


def cookie(name: str, value: str, *, is_tls: bool, max_age_s: int | None = None, same_site: str = "Strict") -> str:
    """One that no script reads and no other site sends; with TLS none that plain HTTP sends, and bound to this host."""
    parts = [f"{cookie_name(name, is_tls=is_tls)}={value}", "Path=/", "HttpOnly", f"SameSite={same_site}"]
    if is_tls:
        parts.append("Secure")
    if max_age_s is not None:
        parts.append(f"Max-Age={max_age_s}")
    return "; ".join(parts)


def cookie_name(name: str, *, is_tls: bool) -> str:
    return f"__Host-{name}" if is_tls else name


def _safe(is_tls: bool) -> tuple[tuple[str, str], ...]:
    return (*_SAFE, _HSTS) if is_tls else _SAFE


def _pairs(text: str) -> Mapping[str, tuple[str, ...]]:
    pairs: dict[str, tuple[str, ...]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_COUNT_MAX, errors="strict"):
        pairs[name] = (*pairs.get(name, ()), value)
    return pairs


def _cookies(text: str) -> Mapping[str, str]:
    """A name that came twice is none of ours: somebody put a second one beside it."""
    found: dict[str, list[str]] = {}
    for part in text.split(";")[:FIELDS_COUNT_MAX]:
        try:
            read_part = SimpleCookie(part.strip())
        except CookieError:
            continue
        for name, morsel in read_part.items():
            found.setdefault(name, []).append(morsel.value)
    return {name: values[0] for name, values in found.items() if len(values) == 1}
