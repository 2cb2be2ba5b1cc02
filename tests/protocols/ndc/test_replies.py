"""The parts of a reply: packed and read back, and nothing a printer could break a frame with."""

from __future__ import annotations

import msgspec
import pytest

from protocols.ndc.replies import ReplyParts, packed, parts_of, print_groups, printable, reply_buffers
from protocols.vocabulary import Reply, Verdict

PARTS = ReplyParts("125", "A", "012", "0", (0, 1, 1, 0), 15_000, (("2", "RECEIPT"),), (("5", "CAM8A"),), True)


def test_parts_come_back() -> None:
    assert parts_of(Reply(Verdict.APPROVE, "approved", packed(PARTS))) == PARTS
    assert [(one.printer, one.text) for one in print_groups(PARTS)] == [("2", "RECEIPT")]
    assert [(one.id, one.data.reveal()) for one in reply_buffers(PARTS)] == [("5", "CAM8A")]


def test_what_was_not_made_here_is_refused() -> None:
    with pytest.raises(msgspec.MsgspecError):
        parts_of(Reply(Verdict.APPROVE, "approved", b""))


def test_a_printer_gets_lines_of_ascii() -> None:
    assert printable("a\x1c\u3042\n") == "a??\n"
