"""What the fake center writes: from its own books, in fields that the line reads back."""

from __future__ import annotations

from protocols.zengin.telegram.message import Control, Figures
from relay.loopback import centertelegrams as write
from relay.loopback.centerbooks import CenterBooks, Known
from tests.support.zrcline import DAY, LineRig

TELEGRAMS = LineRig().dialect.rules.telegrams


def test_a_notice_says_that_it_was_sent_before() -> None:
    books = CenterBooks()
    given = books.order("0005", 7, "002-1-1234567", 1_000)
    given.times_sent = 2
    notice = write.notice("0001", DAY, given, "1100")
    assert TELEGRAMS.decode(TELEGRAMS.encode(notice)) == notice
    head = notice.head
    assert (head.serial, head.receipt_serial, head.resent, head.subject, head.to_branch) == (7, 1, "1", "1100", "002")


def test_an_answer_names_what_was_asked_about() -> None:
    asked = LineRig().dialect.rules.enquiry(DAY, 12, "20261125").head
    answer = write.answer("0001", DAY, 3, asked, "0101")
    assert (answer.head.original_date, answer.head.original_serial, answer.head.result) == ("20261125", 12, "0101")
    assert answer.head.from_bank == write.CENTER_BANK


def test_figures_are_those_of_the_books_and_none_is_said_too() -> None:
    books = CenterBooks()
    assert [line.figures for line in write.figures("0001", DAY, books, 0)] == [Figures(line=1, lines=1)]
    books.order("0005", 7, "002-1-1234567", 1_000).known = Known.SENT
    books.take(4, "1000", "x", 500)
    lines = write.figures("0001", DAY, books, 2)
    assert all(isinstance(line, Control) and line.head.subject == "9005" for line in lines)
    said = [(f.direction, f.matched_subject, f.count, f.total, f.first, f.last) for f in (line.figures for line in lines)]
    assert said == [("1", "1000", 1, 500, 4, 4), ("2", "1000", 1, 1_000, 1, 1), ("2", "9200", 2, 0, 0, 0)]
    assert [(line.figures.line, line.figures.lines) for line in lines] == [(1, 3), (2, 3), (3, 3)]
