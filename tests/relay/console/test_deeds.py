"""The table of deeds: each is a command with its own types, signed by who is signed in, for the roles it names."""

from __future__ import annotations

import pytest

from relay.console.deeds import DEEDS, Deed, Unfit, allowed, arguments, target_of
from relay.console.identity import Role
from relay.console.pages.layout import NAV
from relay.control.commands import COMMANDS, OutboundSettleArgs, ReconcileSignArgs, SafRetryArgs
from relay.control.drain import DrainStartArgs


@pytest.mark.parametrize("deed", DEEDS.values(), ids=lambda deed: deed.name)
def test_every_deed_is_a_command_that_changes_something_with_fields_of_its_own(deed: Deed) -> None:
    spec = COMMANDS[deed.command]
    assert spec.changes
    names = set(spec.args.__struct_fields__)
    assert {field.name for field in deed.fields} <= names
    assert deed.signs == ({"who", "why"} <= names)
    assert deed.back in {path for path, _ in NAV}
    assert Role.VIEWER not in deed.roles, "read-only by default"
    assert Role.ADMINISTRATOR in deed.roles


def test_roles() -> None:
    may = {role: {name for name in DEEDS if allowed(role, name)} for role in Role}
    assert may[Role.VIEWER] == set()
    assert may[Role.APPROVER] == {"reconcile-sign"}
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
