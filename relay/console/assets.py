"""The console's own files: style, script, icon; read once, each at a path with the hash of its bytes.

Owns the reading. It must never serve a file that is not named here. The trap: a browser keeps what it was told to keep, so the
path changes with the bytes, and no page of a new version meets a script of an old one.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from typing import Final

import msgspec


class Asset(msgspec.Struct, frozen=True):
    path: str
    body: bytes
    content_type: str
    etag: str


def _asset(name: str, content_type: str) -> Asset:
    body = (files("relay.console") / "assets" / name).read_bytes()
    digest = sha256(body).hexdigest()[:16]
    stem, _, ending = name.rpartition(".")
    return Asset(f"/assets/{stem}.{digest}.{ending}", body, content_type, f'"{digest}"')


_CSS = _asset("console.css", "text/css; charset=utf-8")
_JS = _asset("console.js", "text/javascript; charset=utf-8")
_ICON = _asset("icon.svg", "image/svg+xml")
ASSETS: Final[Mapping[str, Asset]] = {each.path: each for each in (_CSS, _JS, _ICON)}
CSS_PATH: Final = _CSS.path
JS_PATH: Final = _JS.path
ICON_PATH: Final = _ICON.path
