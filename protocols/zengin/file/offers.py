"""What the core posts to /v1/outbound for this dialect: a file to send, or a file to ask for. JSON in, typed values out.

Owns the two bodies and their checks. It must never send. The traps: a file built here is checked like one that came in, so
that no far end has to refuse it; and content that is given whole is taken byte for byte, once its length is whole records.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from protocols.dialect import OutboundOffered
from protocols.errors import LocalMisuse
from protocols.zengin.file.message import Offer
from protocols.zengin.file.profile import FileProfile, FileRule
from protocols.zengin.format.layout import layout_of
from protocols.zengin.format.reader import read_file
from protocols.zengin.format.settings import ENDS
from protocols.zengin.format.writer import write_file

_JIS = frozenset({"jis-x-0201", "shift-jis"})


class FileBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """kind "zengin-file": the records as fields (`header`, `records`), or the file as it is (`content`, base64)."""

    file: str
    cycle: str
    format: str
    header: dict[str, str] = {}
    records: list[dict[str, str]] = []
    content: str = ""


class FetchBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """kind "zengin-fetch"."""

    file: str


def read_offer(profile: FileProfile, event: OutboundOffered) -> Offer:
    """The file to send. Raises LocalMisuse with a sentence for the core."""
    if event.kind != "zengin-file":
        raise LocalMisuse(f"{event.kind!r} is no kind of this dialect", "kind")
    try:
        body = msgspec.json.decode(event.body, type=FileBody)
    except msgspec.DecodeError as error:
        raise LocalMisuse(str(error), "body") from None
    rule = profile.rule(body.file)
    if rule is None or rule.direction == "receive":
        raise LocalMisuse("no file of that name goes out here", "file")
    if len(body.cycle) != 2 or not body.cycle.isdecimal() or not body.cycle.isascii() or body.cycle == "00":
        raise LocalMisuse("01 to 99", "cycle")
    if body.format not in rule.format.formats:
        raise LocalMisuse(f"one of {', '.join(rule.format.formats)}", "format")
    content = _content(body) if body.content else write_file(body.format, body.header, body.records, rule.format)
    mistakes = read_file(content, rule.format).mistakes
    if mistakes:
        raise LocalMisuse(str(mistakes[0]), "content")
    size = layout_of(body.format).length + len(ENDS[rule.format.record_end])
    if (len(content) % size and not rule.format.may_end_short) or len(content) > profile.file_bytes_max:
        raise LocalMisuse(f"whole records of {size} bytes, {profile.file_bytes_max} bytes at most", "content")
    code = "0" if rule.format.characters.charset in _JIS else "1"
    return Offer(event.id, body.file, body.cycle, size, content, code)


def _content(body: FileBody) -> bytes:
    try:
        return base64.b64decode(body.content, validate=True)
    except binascii.Error:
        raise LocalMisuse("base64", "content") from None


def read_fetch(profile: FileProfile, data: bytes) -> FileRule | None:
    """The file to ask for, by JSON body or by its bare name; None where it is none that we take."""
    try:
        name = msgspec.json.decode(data, type=FetchBody).file
    except msgspec.DecodeError:
        name = data.decode("ascii", "replace")
    rule = profile.rule(name)
    return rule if rule is not None and rule.direction != "send" else None
