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


def test_a_plan_that_others_could_have_written_refuses_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("a", encoding="utf-8")
    (tmp_path / "b.toml").write_text("b", encoding="utf-8")
    folder = PlanFolder(str(tmp_path))
    for place, mode in ((tmp_path / "b.toml", 0o666), (tmp_path / "b.toml", 0o664), (tmp_path, 0o777), (tmp_path, 0o775)):
        before = place.stat().st_mode
        place.chmod(mode)
        with pytest.raises(NotAllowed, match="written by others") as told:
            folder.must_have("a")
        assert "chmod go-w" in told.value.next_step
        place.chmod(before)
    assert folder.must_have("a") == "a"


def test_each_plan_of_the_folder_with_what_is_wrong_with_it(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(sample_plan(), encoding="utf-8")
    (tmp_path / "b.toml").write_text("[plan]", encoding="utf-8")
    (tmp_path / "c.toml").write_text(sample_plan().replace("reversible = false", "reversible = true"), encoding="utf-8")
    folder = PlanFolder(str(tmp_path))
    good, unread, unsafe = folder.rows()
    assert (good.file, good.to_region, good.problem) == ("a.toml", "osaka", "")
    assert folder.of_version(good.version) == sample_plan()
    assert "no plan" in unread.problem
    assert unsafe.problem
    with pytest.raises(NotAllowed, match="none of the 3"):
        folder.of_version("f" * 64)
