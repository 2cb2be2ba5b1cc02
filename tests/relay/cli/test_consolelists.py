"""The console's record of deeds and its tables, in a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.cli.consolelists import audit_lines, code_lines
from relay.control.audit import AuditArgs, AuditReport, AuditRow
from relay.main import main
from tests.support.controlroom import answering

ROWS = (
    AuditRow(number=8, at_ms=2, who="sato", role="operator", address="10.0.0.9", deed="drain-start", why="x \x1b[1m"),
    AuditRow(
        number=7, at_ms=1, who="kato", role="approver", deed="reconcile-sign", target="number=3", result="done", said="signed"
    ),
)


def test_a_deed_whose_end_nobody_knows_says_so() -> None:
    said = list(audit_lines(ROWS))
    assert "NOT KNOWN" in said[1]
    assert "x ?[1m" in said[1]
    assert "kato (approver)" in said[2]
    assert said[2].rstrip().endswith("-> signed")
    assert "nobody" in next(audit_lines(()))


def test_every_reason_has_a_code_or_a_dash_in_each_dialect() -> None:
    said = list(code_lines())
    assert said[0].split()[0] == "reason"
    assert len(said) > 10
    assert any("insufficient" in line for line in said)


def test_as_it_is_typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(tmp_path, {"audit": AuditReport(rows=ROWS)}) as daemon:
        assert main(["console", "audit", "--socket", daemon.path, "--count", "5"]) == 0
        assert "reconcile-sign" in capsys.readouterr().out
        assert main(["console", "audit", "--socket", daemon.path, "--count", "99999", "--json"]) == 0
        assert '"kato"' in capsys.readouterr().out
        assert daemon.asked == [AuditArgs(count_max=5), AuditArgs(count_max=2_000)]
    assert main(["console", "tables"]) == 0
    assert "reason" in capsys.readouterr().out
