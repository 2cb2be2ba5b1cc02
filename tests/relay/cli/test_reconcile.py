"""What an operator types about reconciliation arrives as typed, and a report is printed as it came."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from relay.control.commands import ReconcileNowArgs, ReconcileReportArgs, ReconcileSignArgs
from relay.control.report import Done
from relay.errors import RelayError
from relay.main import main
from tests.support.controlroom import answering


@pytest.mark.parametrize(
    ("words", "command", "args"),
    [
        (["now"], "reconcile-now", ReconcileNowArgs()),
        (["now", "--date", "2026-11-25"], "reconcile-now", ReconcileNowArgs(business_date="2026-11-25")),
        (["report"], "reconcile-report", ReconcileReportArgs()),
        (["report", "3", "--html"], "reconcile-report", ReconcileReportArgs(number=3, form="html")),
        (["report", "--json"], "reconcile-report", ReconcileReportArgs(form="json")),
        (["sign", "3", "--who", "Sato", "--why", "x"], "reconcile-sign", ReconcileSignArgs(number=3, who="Sato", why="x")),
    ],
)
def test_words_arrive_as_typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], command: str, args: msgspec.Struct
) -> None:
    with answering(tmp_path, {command: Done("first\nsecond")}) as daemon:
        assert main(["reconcile", "--socket", daemon.path, *words]) == 0
        assert daemon.asked == [args]
    assert "first" in capsys.readouterr().out


def test_a_signature_without_a_name_is_not_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises((SystemExit, RelayError)):
        raise SystemExit(main(["reconcile", "sign", "3", "--why", "x"]))
