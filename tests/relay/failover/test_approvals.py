"""Each rule of an approval with a test that tries to break it."""

from __future__ import annotations

import msgspec
import pytest

from relay.failover.approvals import (
    Approval,
    Gate,
    Refusal,
    Shown,
    is_valid,
    missing_roles,
    person_key,
    same_person,
    why_not,
)
from relay.failover.evidence import Evidence, binding_of, digest_of
from relay.failover.plan import parse_plan
from tests.support.failoverworld import sample_plan

PLAN = parse_plan(sample_plan())
NOW_MS = 1_000_000
EVIDENCE = Evidence(lag_ms=3)
DIGEST = digest_of(EVIDENCE)
SHOWN = Shown(DIGEST, EVIDENCE, NOW_MS - 1_000)
GATE = Gate(run="r1", gate=2, part="", plan=PLAN, plan_version="v1", declarer="Abe", shown={DIGEST: SHOWN}, approvals=())
replace = msgspec.structs.replace


def approval(who: str = "Baba", role: str = "operations", **members: object) -> Approval:
    made = Approval(
        who=who,
        role=role,
        part="",
        evidence_digest=DIGEST,
        binding=binding_of("r1", 2, "", "v1", DIGEST),
        at_ms=NOW_MS,
        shown_ms=SHOWN.at_ms,
    )
    return replace(made, **members)


def with_approvals(*approvals: Approval) -> Gate:
    return replace(GATE, approvals=approvals)


def test_two_people_with_two_roles_pass_a_gate() -> None:
    assert why_not(GATE, 2, approval()) is None
    assert missing_roles(GATE, NOW_MS) == ("operations", "business")
    one = with_approvals(approval())
    assert missing_roles(one, NOW_MS) == ("business",)
    assert why_not(one, 2, approval("Chiba", "business")) is None
    assert missing_roles(with_approvals(approval(), approval("Chiba", "business")), NOW_MS) == ()


def test_the_declarer_approves_nothing_however_the_name_is_written() -> None:
    for name in ("Abe", "abe", " ABE ", "Ａｂｅ"):
        assert why_not(GATE, 2, approval(name)) is Refusal.DECLARER


def test_one_person_with_two_roles_is_one_person() -> None:
    one = with_approvals(approval("Baba", "operations"))
    assert why_not(one, 2, approval("baba", "business")) is Refusal.TWICE
    both = with_approvals(approval("Baba", "operations"), approval("baba", "business"))
    assert missing_roles(both, NOW_MS) == PLAN.roles  # even where somebody wrote it past the door


def test_twice_by_one_person_and_twice_in_one_role_count_once() -> None:
    one = with_approvals(approval())
    assert why_not(one, 2, approval()) is Refusal.TWICE
    assert why_not(one, 2, approval("Doi", "operations")) is Refusal.ROLE_TAKEN


def test_a_role_that_the_gate_does_not_ask_for_counts_nothing() -> None:
    assert why_not(GATE, 2, approval(role="audit")) is Refusal.NO_ROLE


@pytest.mark.parametrize("asked", [1, 3])
def test_late_or_early_is_not_this_gate(asked: int) -> None:
    assert why_not(GATE, asked, approval()) is Refusal.NOT_THIS_GATE
    assert why_not(None, 2, approval()) is Refusal.NOT_THIS_GATE
    assert why_not(GATE, 2, approval(part="online")) is Refusal.NOT_THIS_GATE


@pytest.mark.parametrize(
    "binding",
    [
        binding_of("r0", 2, "", "v1", DIGEST),  # yesterday's run
        binding_of("r1", 1, "", "v1", DIGEST),  # gate 1
        binding_of("r1", 2, "", "v0", DIGEST),  # an older plan
        binding_of("r1", 2, "", "v1", digest_of(Evidence())),  # other evidence
        binding_of("r1", 2, "online", "v1", DIGEST),
        "",
    ],
)
def test_what_is_bound_to_something_else_counts_nothing(binding: str) -> None:
    assert why_not(GATE, 2, approval(binding=binding)) is Refusal.NOT_BOUND


def test_evidence_that_nobody_was_shown_counts_nothing() -> None:
    other = digest_of(Evidence(lag_ms=4))
    assert why_not(GATE, 2, approval(evidence_digest=other)) is Refusal.NOT_SHOWN


def test_evidence_goes_stale_at_its_limit_and_takes_the_approval_with_it() -> None:
    limit_ms = PLAN.evidence_age_max_s * 1_000
    assert limit_ms == 300_000
    assert why_not(GATE, 2, approval(at_ms=SHOWN.at_ms + limit_ms)) is None
    assert why_not(GATE, 2, approval(at_ms=SHOWN.at_ms + limit_ms + 1)) is Refusal.STALE
    one = with_approvals(approval())
    assert missing_roles(one, SHOWN.at_ms + limit_ms) == ("business",)
    assert missing_roles(one, SHOWN.at_ms + limit_ms + 1) == PLAN.roles
    assert not is_valid(approval(), one, SHOWN.at_ms + limit_ms + 1)


def test_the_same_facts_found_again_make_no_approval_younger() -> None:
    one = with_approvals(approval())
    later = replace(one, shown={DIGEST: Shown(DIGEST, EVIDENCE, NOW_MS + 400_000)})
    assert missing_roles(later, NOW_MS + 400_001) == PLAN.roles
    assert why_not(later, 2, approval(at_ms=NOW_MS + 400_001)) is None


def test_evidence_of_the_future_is_not_fresh() -> None:
    assert why_not(GATE, 2, approval(at_ms=SHOWN.at_ms - 1)) is Refusal.STALE


def test_a_stale_approval_may_be_given_anew_by_the_same_person() -> None:
    old = approval(at_ms=NOW_MS - 400_000, shown_ms=NOW_MS - 400_000, evidence_digest="old")
    gate = replace(GATE, approvals=(old,), shown={**GATE.shown, "old": Shown("old", EVIDENCE, NOW_MS - 400_000)})
    assert why_not(gate, 2, approval()) is None


def test_time_alone_never_passes_a_gate() -> None:
    for hours in (0, 1, 24, 24 * 365):
        assert missing_roles(GATE, NOW_MS + hours * 3_600_000) == PLAN.roles


def test_a_broken_glass_stands_for_two_and_each_code_opens_once() -> None:
    glass = approval("Abe", "", seal="envelope-1")
    assert why_not(GATE, 2, glass) is None
    assert missing_roles(with_approvals(glass), NOW_MS) == ()
    assert why_not(replace(GATE, used_seals=frozenset({"envelope-1"})), 2, glass) is Refusal.SEAL_USED
    assert missing_roles(with_approvals(glass), SHOWN.at_ms + 300_001) == PLAN.roles


def test_names_are_compared_without_width_case_and_blanks() -> None:
    assert same_person("Ｓａｔｏ  Ichiro", "sato ichiro")
    assert person_key("Sato") != person_key("Saito")
