"""What the trailers of a file state, against figures that are summed here from the records that were written."""

from __future__ import annotations

import pytest

from protocols.totals import Total
from protocols.zengin.file.kinds import FileKinds
from protocols.zengin.file.message import FileIdentity
from protocols.zengin.file.trailers import Trailers
from protocols.zengin.format.reader import read_file
from protocols.zengin.format.settings import FormatSettings
from protocols.zengin.format.writer import FileWriter
from tests.support.zenginfiles import header, payment, sound_file, total
from tests.support.zenginlink import BANK, COMPANY, profile

ONE = FileIdentity("COMPANY", "SOUFURI", "20261125", "01")
KINDS = FileKinds(profile(BANK, COMPANY))
COUNT = 5


def fed(content: bytes, settings: FormatSettings | None = None, calls: str = "record") -> Trailers:
    trailers = Trailers(KINDS, ONE, calls)
    first = None
    read = read_file(content, settings or FormatSettings())
    assert read.mistakes == ()
    for record in read.records:
        if record.kind == "1":
            first = record
        elif record.kind == "8":
            assert first is not None
            trailers.feed(read.type_code, first, record)
    return trailers


@pytest.mark.parametrize(
    ("code", "kind"),
    [("21", "bulk-transfer"), ("11", "salary-transfer"), ("91", "direct-debit"), ("03", "statement-entry")],
)
def test_count_and_amount_of_every_format(code: str, kind: str) -> None:
    (stated,) = fed(sound_file(code, COUNT)).statements()
    assert (stated.id, stated.party, stated.business_date) == ("COMPANY:SOUFURI:20261125:01", "COMPANY", "2026-11-25")
    assert (stated.currency, stated.mode, stated.closes, stated.wants_ours) == ("JPY", "adds", False, False)
    assert stated.lines == (Total(name=kind, count=COUNT, minor=total(COUNT), kinds=(kind,)),)


def test_a_cancelled_credit_is_counted_beside() -> None:
    writer = FileWriter("01", FormatSettings())
    content = writer.header(header("01"))
    for number in range(1, COUNT + 1):
        content += writer.data({**payment("01", number), "cancel_kubun": "1" if number == 2 else "0"})
    content += writer.trailer() + writer.end()
    cancelled = 1_000 + 2 * 2
    kept, gone = fed(content).statements()[0].lines
    assert (kept.kinds, kept.count, kept.minor) == (("credit-notice",), COUNT - 1, total(COUNT) - cancelled)
    assert (gone.kinds, gone.count, gone.minor) == (("credit-notice-cancelled",), 1, cancelled)
    (whole,) = fed(content, calls="batch").statements()[0].lines
    assert (whole.kinds, whole.count, whole.minor) == (("credit-notice-file",), None, total(COUNT)), "as its one call has it"


def test_several_batches_are_summed_by_their_dates() -> None:
    settings = FormatSettings(several_batches=True)
    writer = FileWriter("21", settings)
    content = b""
    for day, numbers in (("1125", (1, 2)), ("1126", (3,)), ("1125", (4, 5)), ("1127", ())):
        content += writer.header({**header("21"), "date_mmdd": day})
        content += b"".join(writer.data(payment("21", number)) for number in numbers)
        content += writer.trailer()
    content += writer.end()
    found = {each.business_date: (each.lines[0].count, each.lines[0].minor) for each in fed(content, settings).statements()}
    assert found == {"2026-11-25": (4, 4_000 + 1 + 4 + 16 + 25), "2026-11-26": (1, 1_009)}, "and none of a batch of nothing"
    in_calls = [each.lines[0] for each in fed(content, settings, "batch").statements()]
    assert [(line.count, line.minor) for line in in_calls] == [(None, 4_046), (None, 1_009)]


def test_a_day_that_cannot_be_read_is_the_day_of_receipt() -> None:
    (stated,) = fed(sound_file("21", 1).replace(b"1125", b"0229", 1)).statements()
    assert stated.business_date == ""
