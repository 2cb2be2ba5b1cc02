"""HTML that cannot be forgotten to be escaped: text is escaped, and only what was made here is not.

Owns the making of elements. It must never know a page. The traps: an attribute of somebody else's choice is escaped like text,
but a `javascript:` address is not mended by escaping, so addresses are only ever our own paths; and what the page's policy
(no inline style, no inline handler) would refuse in the browser is refused here, where a test sees it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import TypeAlias, Union
from urllib.parse import urlencode

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*\Z")
_VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})
_ADDRESSES = frozenset({"href", "src", "action"})
_OWN_PATH = re.compile(r"(?:/(?![/\\])|#|\?)[^\x00-\x20]*\Z|/\Z")


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Child: TypeAlias = Union[str, int, "Iterable[Child]", None]
Value: TypeAlias = str | int | float | bool | None


def join(*children: Child) -> Html:
    """All of them, one after the other; None is nothing."""
    return Html("".join(_texts(children)))


def _texts(children: Iterable[Child]) -> Iterable[str]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Html):
            yield child
        elif isinstance(child, str):
            yield escape(child, quote=False)
        elif isinstance(child, int):
            yield str(child)
        else:
            yield from _texts(child)


def h(tag: str, *children: Child, **attributes: Value) -> Html:
    """An element. `class_` and `for_` lose their underscore, other underscores become dashes; True is a bare attribute, False
    and None none at all. Raises ValueError for what our own policy would not let work."""
    parts = [tag]
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        name = name.rstrip("_").replace("_", "-")
        text = "" if value is True else str(value)
        if not _NAME.match(name) or name.startswith("on") or name == "style":
            raise ValueError(f"no attribute for a page of ours: {name}")
        if name in _ADDRESSES and not _OWN_PATH.match(text):
            raise ValueError(f"not a path of ours: {text!r}")
        parts.append(name if value is True else f'{name}="{escape(text)}"')
    opening = f"<{' '.join(parts)}>"
    return Html(opening if tag in _VOID else f"{opening}{join(*children)}</{tag}>")


def address(path: str, **query: Value) -> str:
    """A path of ours with what is asked, empty values left out."""
    asked = {name.rstrip("_"): str(value) for name, value in query.items() if value not in (None, "", False)}
    return f"{path}?{urlencode(asked)}" if asked else path
