"""What a line shares: names, paths, LCNs, and the heads of its own telegrams."""

from __future__ import annotations

import pytest

from protocols.errors import LocalMisuse
from protocols.zengin.session.message import Path
from protocols.zengin.session.profile import ZrcProfile
from protocols.zengin.session.rules import Rules
from protocols.zengin.telegram.message import NOTICE, Figures
from tests.support.zrcline import DAY, transfer, wall_of


def rules(**settings: object) -> Rules:
    return Rules(ZrcProfile.model_validate(settings), lambda name: "", lambda: wall_of("2026-11-26 10:00"))


def test_a_line_is_named_by_its_numbers() -> None:
    made = rules(line={"physical": 4, "logical": 8, "lcns": [7, 0], "lcn_of": {"KS": 0, "1000": 7}})
    assert made.name == "04-08"
    assert made.path(7) == Path(4, 8, 7)
    assert [made.lcn_for(*of) for of in (("KS", "9100"), ("KT", "1000"), ("CT", "9001"))] == [0, 7, 7]
    assert made.sent_at() == "20261126100000"


def test_own_telegrams() -> None:
    made = rules(telegram={"own_bank": "0033", "center_bank": "8888"})
    control = made.control("pre-close", NOTICE, DAY, Figures(line=1), "0901")
    assert (control.head.subject, control.head.from_bank, control.head.to_bank) == ("9002", "0033", "8888")
    assert (control.head.result, control.figures.line) == ("0901", 1)
    assert made.enquiry(DAY, 7, "20261125").head.original_date == "20261125"
    assert made.enquiry_by_receipt(DAY, 9).head.receipt_serial == 9
    assert made.enquiry_by_sequence(DAY, 3, 5, 6).details.remarks == "LCN03 SEQ5-6"
    answer = made.answer_to(transfer(4).head, DAY, "0202")
    assert (answer.head.to_bank, answer.head.original_serial, answer.head.result) == ("0005", 4, "0202")


def test_directions_follow_the_side() -> None:
    assert (rules().out_direction, rules().in_direction) == ("1", "2")
    assert rules(line={"side": "rc"}).out_direction == "2"


def test_a_frame_that_no_telegram_fits_into() -> None:
    with pytest.raises(LocalMisuse, match="does not fit"):
        rules(line={"frame_bytes_max": 383})
