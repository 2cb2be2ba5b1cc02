"""The telegrams that the fake Zengin center writes: notices of other banks, answers, figures, and control telegrams.

Owns what stands in them. Pure. It must never decide when one is sent, or under which sequence number (center.py and
centerlane.py do). The trap: the figures are those of the center's own books; nothing that the relay said enters them.

Source: ztel-p1 [P].
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from protocols.zengin.telegram.kinds import ANSWER_SUBJECT, SUBJECTS_OF_CONTROL
from protocols.zengin.telegram.message import (
    NOTICE,
    RESPONSE,
    RESULT_OK,
    Control,
    Details,
    EnquiryAnswer,
    Figures,
    Head,
    TransferNotice,
)
from relay.loopback.centerbooks import CenterBooks, Given

CENTER_BANK = "9999"
TRANSFER_SUBJECT = "1000"


def _head(own_bank: str, day: str, subject: str, process: str, bank: str, serial: int = 0) -> Head:
    return Head(
        subject=subject,
        process=process,
        from_bank=bank,
        from_branch="001",
        to_bank=own_bank,
        to_branch="001",
        date=day,
        serial=serial,
    )


def control(own_bank: str, day: str, name: str, figures: Figures, result: str = RESULT_OK) -> Control:
    """An answer of the center: 開局回答, 閉局回答, figures. `name` is a key of SUBJECTS_OF_CONTROL."""
    head = _head(own_bank, day, SUBJECTS_OF_CONTROL[name], RESPONSE, CENTER_BANK)
    return Control(msgspec.structs.replace(head, result=result), figures)


def notice(own_bank: str, day: str, given: Given, subject: str) -> TransferNotice:
    """為替通知 of another bank, with 再送表示 where it was on the wire before."""
    branch, account_type, account = given.account.split("-")
    head = msgspec.structs.replace(
        _head(own_bank, day, subject, NOTICE, given.bank, given.serial),
        to_branch=branch,
        receipt_serial=given.receipt,
        resent="1" if given.times_sent > 1 else "0",
    )
    return TransferNotice(head, Details(amount=given.amount, account_type=account_type, account=account))


def answer(own_bank: str, day: str, serial: int, asked: Head, result: str) -> EnquiryAnswer:
    """回答 to the 照会 with the head `asked`. `serial` is the center's own 発信通番."""
    head = msgspec.structs.replace(
        _head(own_bank, day, ANSWER_SUBJECT, RESPONSE, CENTER_BANK, serial),
        original_date=asked.original_date,
        original_serial=asked.original_serial,
        result=result,
    )
    return EnquiryAnswer(head, Details())


def figures(own_bank: str, day: str, books: CenterBooks, answers_taken: int) -> list[Control]:
    """The lines of the day's figures. `answers_taken` counts 回答 that the relay has taken: they are in no book."""
    rows: list[tuple[str, str, tuple[int, int, int, int]]] = []
    from_bank: Mapping[str, tuple[int, int, int, int]] = books.figures_from_bank()
    rows += [("1", subject, row) for subject, row in sorted(from_bank.items())]
    to_bank = books.figures_to_bank()
    if to_bank[0]:
        rows.append(("2", TRANSFER_SUBJECT, to_bank))
    if answers_taken:
        rows.append(("2", ANSWER_SUBJECT, (answers_taken, 0, 0, 0)))
    lines = [
        Figures(
            direction=direction,
            matched_subject=subject,
            count=row[0],
            total=row[1],
            first=row[2],
            last=row[3],
            line=number,
            lines=len(rows),
        )
        for number, (direction, subject, row) in enumerate(rows, 1)
    ]
    return [control(own_bank, day, "match", line) for line in lines or [Figures(line=1, lines=1)]]
