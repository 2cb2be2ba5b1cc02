"""The alert rules: valid, unit-tested one by one, about metrics that exist, and each with a page in the runbook."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.docs import anchors_of
from tests.support.promql import mistakes
from tests.support.tools import need_tool

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "config" / "alerts.rules.yml"
TESTS = ROOT / "config" / "alerts.test.yml"
MINUTE_S = 60


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def promtool(*arguments: str) -> None:
    told = subprocess.run([need_tool("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


def test_promtool_accepts_the_rules() -> None:
    promtool("check", "rules", str(RULES))


# (at least this long, evaluated every so often): in small steps, stories of hours would take minutes of CPU.
STEPS = ((0, "15s"), (12 * MINUTE_S, "1m"), (40 * MINUTE_S, "2m"))


@pytest.mark.timeout(600)  # twenty seconds of CPU for all of them
@pytest.mark.parametrize("step", range(len(STEPS)))
def test_promtool_runs_the_unit_tests(step: int, tmp_path: Path) -> None:
    """Each case of the file, the long ones in larger steps than the file says."""
    whole = yaml.safe_load(TESTS.read_text(encoding="utf-8"))
    assert whole["evaluation_interval"] == STEPS[0][1]
    mine = [case for case in whole["tests"] if step_of(case) == step]
    assert mine
    changed = whole | {"rule_files": [str(RULES)], "evaluation_interval": STEPS[step][1], "tests": mine}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(changed), encoding="utf-8")
    promtool("test", "rules", str(tmp_path / "tests.yml"))


def step_of(case: dict[str, Any]) -> int:
    moments = [*case.get("promql_expr_test", ()), *case.get("alert_rule_test", ())]
    ends_s = max(seconds(moment["eval_time"]) for moment in moments)
    return max(number for number, (least_s, _) in enumerate(STEPS) if ends_s >= least_s)


def seconds(text: str) -> int:
    """Of a Prometheus duration."""
    return sum(int(count) * {"h": 3_600, "m": 60, "s": 1}[unit] for count, unit in re.findall(r"(\d+)([hms])", text))


def test_every_alert_has_a_unit_test() -> None:
    tested = {case["name"] for case in yaml.safe_load(TESTS.read_text(encoding="utf-8"))["tests"]}
    assert {rule["alert"] for rule in rules()} - tested == set()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_every_alert_is_about_metrics_that_exist(rule: dict[str, Any]) -> None:
    assert not mistakes(rule["expr"])


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_every_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    path, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert anchor in anchors_of(ROOT / path)


def test_the_runbook_has_no_page_about_an_alert_that_is_gone() -> None:
    named = {rule["alert"].lower() for rule in rules()}
    pages = {anchor for anchor in anchors_of(ROOT / "docs" / "runbook.md") if anchor.startswith("relay") and "-" not in anchor}
    assert pages == named


def test_a_wrong_name_or_label_would_be_found() -> None:
    assert mistakes("rate(relay_exchange_total[5m]) > 1") == ["no series relay_exchange_total"]
    assert mistakes('relay_links_open{terminal="x",job="relay"}') == ["relay_links_open has no label terminal"]
