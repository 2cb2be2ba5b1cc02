"""The table of deeds: each is a command with its own types, signed by who is signed in, for the roles it names."""

from __future__ import annotations

import msgspec
import pytest

from relay.console.deedkinds import Deed
from relay.console.deeds import DEEDS, LINES_MAX, Unfit, allowed, arguments, lines_of, target_of
from relay.console.identity import Role
from relay.console.pages.layout import FAILOVER, NAV
from relay.console.roomdeeds import PROOF, ROOM_DEEDS
from relay.control.commands import COMMANDS, OutboundSettleArgs, ReconcileSignArgs, SafRetryArgs
from relay.control.drain import DrainStartArgs
from relay.control.failover import FailoverTickArgs, TickedLine
from relay.control.failovercommands import FAILOVER_COMMANDS


@pytest.mark.parametrize("deed", DEEDS.values(), ids=lambda deed: deed.name)
def test_every_deed_is_a_command_that_changes_something_with_fields_of_its_own(deed: Deed) -> None:
    spec = (COMMANDS | FAILOVER_COMMANDS)[deed.command]
    assert spec.changes
    names = set(spec.args.__struct_fields__)
    assert {field.name for field in deed.fields if field.kind != "typed"} <= names
    assert {name for name, _ in deed.says} <= names
    assert deed.signs == ({"who", deed.why_as or "who"} <= names)
    assert deed.back in {path for path, _ in (*NAV, FAILOVER)}
    assert Role.VIEWER not in deed.roles, "read-only by default"
    assert Role.ADMINISTRATOR in deed.roles


def test_roles() -> None:
    may = {role: {name for name in DEEDS if allowed(role, name)} for role in Role}
    assert may[Role.VIEWER] == set()
    assert may[Role.APPROVER] == {"reconcile-sign"} | {deed.name for deed in ROOM_DEEDS}
    assert "saf-retry" in may[Role.OPERATOR]
    assert not {"reload", "stop", "reconcile-sign"} & may[Role.OPERATOR]
    assert not allowed(Role.ADMINISTRATOR, "no-such-deed")


def test_who_signs_is_never_a_field_of_the_form() -> None:
    form = {"key": ("k",), "who": ("boss",), "why": ("forged",), "although_resolved": ("yes",)}
    assert arguments(DEEDS["saf-retry"], form, "sato", "asked by the core") == SafRetryArgs(
        key="k", who="sato", why="asked by the core", although_resolved=True
    )


def test_values_are_read_by_the_commands_own_types() -> None:
    made = arguments(DEEDS["drain-start"], {"classes": ("atm", "zengin")}, "sato", "maintenance")
    assert made == DrainStartArgs(classes=("atm", "zengin"), who="sato", why="maintenance")
    assert arguments(DEEDS["reconcile-sign"], {"number": ("7",)}, "sato", "fine") == ReconcileSignArgs(
        number=7, who="sato", why="fine"
    )
    settled = arguments(DEEDS["outbound-settle"], {"key": ("k",), "state": ("failed",)}, "sato", "asked them")
    assert settled == OutboundSettleArgs(key="k", state="failed", who="sato", why="asked them")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("saf-retry", {}),
        ("saf-retry", {"key": ("x" * 1_001,)}),
        ("reconcile-sign", {"number": ("0",)}),
        ("reconcile-sign", {"number": ("seven",)}),
        ("reconcile-sign", {"number": ("9" * 30,)}),
        ("reconcile-now", {"business_date": ("tomorrow",)}),
        ("drain-start", {"classes": ("atm", "everything")}),
        ("region-block", {"classes": ()}),
        ("outbound-settle", {"key": ("k",), "state": ("queued",)}),
    ],
)
def test_what_does_not_fit_is_refused(name: str, form: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(Unfit):
        arguments(DEEDS[name], form, "sato", "because")


def test_the_record_says_what_it_was_about() -> None:
    assert target_of(DEEDS["drain-start"], {"classes": ("atm", "branch"), "other": ("x",)}) == "classes=atm,branch"
    assert len(target_of(DEEDS["saf-retry"], {"key": ("k" * 900,)})) == 500


def test_a_deed_of_the_room_takes_a_code_unless_it_only_stops() -> None:
    assert {deed.name for deed in ROOM_DEEDS if PROOF not in deed.fields} == {"failover-hold", "failover-escalate"}


def test_a_checklist_is_read_line_by_line_and_a_code_is_in_no_record() -> None:
    form = {
        "saw-2": (" seen  it ",),
        "saw-1": ("",),
        "saw-40": ("x",),
        "saw-41": ("y",),
        "step": ("call",),
        "proof": ("123456",),
    }
    assert lines_of(form) == [(2, "seen it"), (LINES_MAX, "x")]
    assert target_of(DEEDS["failover-tick"], form) == "step=call lines=2,40"
    glass = {"code": ("ABCDE",), "proof": ("123456",), "gate": ("2",), "alone": ("r1",)}
    assert target_of(DEEDS["failover-break-glass"], glass) == "how=break-glass gate=2"
    made = arguments(DEEDS["failover-tick"], {**form, "run": ("r1",)}, "sato", "")
    assert made == FailoverTickArgs(
        run="r1", step="call", who="sato", lines=(TickedLine(2, "seen it"), TickedLine(40, "x")), proof="123456"
    )


def test_how_is_never_a_field_of_the_form() -> None:
    form = {"run": ("r1",), "gate": ("1",), "role": ("operations",), "how": ("approve",), "proof": ("123456",)}
    assert msgspec.structs.asdict(arguments(DEEDS["failover-deny"], form, "sato", "not yet"))["how"] == "deny"
