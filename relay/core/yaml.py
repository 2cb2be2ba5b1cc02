"""JSON-like values as YAML that people like to read. Writing only, and only what OpenAPI needs.

Owns the quoting. The trap: YAML takes bare `no`, `1e3`, `2026-11-24` and `null` for something else than text, so every text
that is not plainly a word is written in double quotes, as JSON would.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

Node: TypeAlias = "Mapping[str, Node] | Sequence[Node] | str | int | float | bool | None"

_PLAIN = re.compile(r"[A-Za-z_/$][A-Za-z0-9_/$.{}-]*( [A-Za-z0-9_/$.{}(),;-]+)*\Z")
_NOT_TEXT = re.compile(r"(y|n|yes|no|true|false|on|off|null|~)\Z", re.IGNORECASE)


def to_yaml(node: Node) -> str:
    """A whole document, mappings in the order given. A value that YAML cannot hold raises TypeError."""
    if isinstance(node, (Mapping, list, tuple)) and not node:
        return f"{json.dumps(node)}\n"
    return "\n".join(_lines(node, "")) + "\n"


def _lines(node: Node, indent: str) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _entry(f"{indent}{_text(key)}:", value, indent + "  ")
    elif isinstance(node, (list, tuple)):
        for value in node:
            if isinstance(value, Mapping) and value:
                first, *rest = _lines(value, indent + "  ")
                yield f"{indent}- {first.lstrip()}"
                yield from rest
            else:
                yield from _entry(f"{indent}-", value, indent + "  ")
    else:
        yield f"{indent}{_scalar(node)}"


def _entry(head: str, value: Node, indent: str) -> Iterator[str]:
    if isinstance(value, (Mapping, list, tuple)):
        if not value:
            yield f"{head} {'{}' if isinstance(value, Mapping) else '[]'}"
        else:
            yield head
            yield from _lines(value, indent)
    elif isinstance(value, str) and _is_block(value):
        yield f"{head} |{'' if value.endswith(chr(10)) else '-'}"
        yield from (f"{indent}{line}".rstrip() for line in value.removesuffix("\n").split("\n"))
    else:
        yield f"{head} {_scalar(value)}"


def _is_block(text: str) -> bool:
    """Several lines that may stand as they are: visible ASCII, no blanks at the ends that YAML would take or drop."""
    lines = text.removesuffix("\n").split("\n")
    return (
        len(lines) > 1
        and all(line.isascii() and line.isprintable() and line == line.rstrip() for line in lines)
        and lines[0] == lines[0].lstrip() != ""
        and lines[-1] != ""
    )


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, (bool, int, float)):
        return json.dumps(value)
    raise TypeError(f"YAML of a {type(value).__name__}")


def _text(text: str) -> str:
    if _PLAIN.match(text) and not _NOT_TEXT.match(text):
        return text
    return json.dumps(text, ensure_ascii=False)
