"""A plan file becomes frozen values or one sentence; its version is a hash of the very text."""

from __future__ import annotations

import pytest

from relay.errors import ConfigurationError
from relay.failover.plan import PLAN_BYTES_MAX, STEP_COUNT_MAX, Phase, parse_plan, version_of
from relay.failover.plancheck import check_plan
from tests.support.failoverworld import ROOT, sample_plan

SAMPLES = sorted((ROOT / "config" / "failover").glob("*.toml"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_plans_that_come_with_the_relay_are_safe(path: object) -> None:
    plan = parse_plan(path.read_text(encoding="utf-8"))  # type: ignore[attr-defined]
    assert check_plan(plan) == ()
    assert {step.phase for step in plan.step} == set(Phase)
    assert plan.kind in ("unplanned", "switchover", "failback", "drill")


def test_there_is_a_plan_of_each_kind() -> None:
    kinds = {parse_plan(path.read_text(encoding="utf-8")).kind for path in SAMPLES}
    assert kinds == {"unplanned", "switchover", "failback", "drill"}


def test_a_plan_says_its_steps_by_phase_and_name() -> None:
    plan = parse_plan(sample_plan())
    assert plan.named("promote").reversible is False
    assert plan.find("nothing") is None
    with pytest.raises(KeyError):
        plan.named("nothing")
    assert [step.name for step in plan.in_phase(Phase.PROMOTE)] == ["promote"]
    assert plan.named("seal-tokyo").must_be_undone
    assert not plan.named("standby-is-alive").must_be_undone


def test_the_version_follows_every_character() -> None:
    text = sample_plan()
    assert version_of(text) == version_of(text)
    assert version_of(text) != version_of(text + " ")
    assert len(version_of(text)) == 64


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[plan]", "[plan", "TOML"),
        ("[plan]", f"x = {'[' * 20_000}\n[plan]", "nested without end"),
        ("timeout_s = 900", f"timeout_s = {'9' * 5_000}", "TOML"),
        ('action = "command"', 'action = "rm"', "rm"),
        ('phase = "promote"', 'phase = "later"', "later"),
        ("timeout_s = 900", "timeout_s = 0", "timeout_s"),
        ('verb = "seal"', 'verb = "unseal"', "unseal"),
        ('kind = "unplanned"', 'kind = "unplanned"\nforce = true', "force"),
        ('roles = ["operations", "business"]', 'roles = ["operations"]', "roles"),
    ],
)
def test_what_has_the_wrong_form_is_one_sentence(old: str, new: str, said: str) -> None:
    text = sample_plan()
    assert old in text
    with pytest.raises(ConfigurationError, match=said):
        parse_plan(text.replace(old, new, 1))


def test_a_plan_has_a_greatest_size_and_number_of_steps() -> None:
    text = sample_plan()
    parse_plan(text + "#" * (PLAN_BYTES_MAX - len(text.encode())))
    with pytest.raises(ConfigurationError, match="bytes"):
        parse_plan(text + "#" * (PLAN_BYTES_MAX - len(text.encode()) + 1))
    step = '[[plan.step]]\nname = "s{}"\nphase = "verify"\n[plan.step.do]\naction = "command"\nlook = ["x"]\n'
    head = '[plan]\nname = "p"\nkind = "drill"\nfrom_region = "a"\nto_region = "b"\ncenters = ["a"]\n'
    parse_plan(head + "".join(step.format(n) for n in range(STEP_COUNT_MAX)))
    with pytest.raises(ConfigurationError, match="step"):
        parse_plan(head + "".join(step.format(n) for n in range(STEP_COUNT_MAX + 1)))


def test_ways_at_once_know_each_other() -> None:
    plan = parse_plan(sample_plan("unplanned-aws"))

    def others(name: str) -> list[str]:
        return [one.name for one in plan.beside(plan.named(name))]

    assert others("move-the-record") == ["move-the-record-at-route53"]
    assert others("move-the-record-at-route53") == ["move-the-record"]
    assert others("move-the-record-by-hand") == []
    assert others("promote") == []
