"""Only what root has put into the folder is looked at or declared, to the last character."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.failover.people import NotAllowed
from relay.orchestrator.plans import PLAN_COUNT_MAX, PlanFolder
from tests.support.failoverworld import sample_plan


def test_only_the_very_text_of_a_file_counts(tmp_path: Path) -> None:
    text = sample_plan()
    (tmp_path / "a.toml").write_text(text, encoding="utf-8")
    (tmp_path / "b.txt").write_text("elsewhere", encoding="utf-8")
    folder = PlanFolder(str(tmp_path))
    assert folder.must_have(text) == text
    for other in (text + "\n", text.replace("/opt/relay", "/tmp"), "", "elsewhere"):
        with pytest.raises(NotAllowed, match="none of the"):
            folder.must_have(other)


def test_what_cannot_be_read_allows_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotAllowed):
        PlanFolder(str(tmp_path / "none")).must_have("x")
    (tmp_path / "a.toml").write_bytes(b"\xff")
    with pytest.raises(NotAllowed, match="cannot be read"):
        PlanFolder(str(tmp_path)).must_have("x")


def test_the_number_of_plans_has_a_limit(tmp_path: Path) -> None:
    for number in range(PLAN_COUNT_MAX + 1):
        (tmp_path / f"{number:03}.toml").write_text(str(number), encoding="utf-8")
    folder = PlanFolder(str(tmp_path))
    folder.must_have(str(PLAN_COUNT_MAX - 1))
    with pytest.raises(NotAllowed):
        folder.must_have(str(PLAN_COUNT_MAX))
