"""The report of a run as docs/ shows one: out of a log that is kept for the replay.

`python -m tests.support.failoverexample` writes both files anew.
"""

from __future__ import annotations

from pathlib import Path

from relay.failover.bankday import BankClock
from relay.failover.chain import read_log
from relay.failover.report import report_html, report_json, report_of
from relay.failover.run import fold

ROOT = Path(__file__).resolve().parents[2]
LOG = ROOT / "tests" / "relay" / "failover" / "logs" / "DONE-plain.run"


def example() -> dict[str, bytes]:
    """Both forms, by file name in docs/."""
    log = read_log(LOG.read_bytes())
    report = report_of(fold(log.entries), log.entries, log.entries[-1].at_ms, BankClock(), "tokyo", log.last)
    return {"failover-report.html": report_html(report).encode() + b"\n", "failover-report.json": report_json(report) + b"\n"}


if __name__ == "__main__":
    for name, content in example().items():
        (ROOT / "docs" / name).write_bytes(content)
