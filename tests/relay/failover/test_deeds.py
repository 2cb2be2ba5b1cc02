"""What can be said of a deed without doing it."""

from __future__ import annotations

import msgspec
import pytest

from relay.failover.deeds import (
    ACTIONS,
    BirdDeed,
    CommandDeed,
    Deed,
    ManualDeed,
    RelayDeed,
    WebhookDeed,
    changes_something,
    compares_and_swaps,
    filled,
    kind_of,
    moves_dns,
    takes_itself_back,
)
from relay.failover.plan import parse_plan
from tests.support.failoverworld import sample_plan

RECORD = parse_plan(sample_plan()).named("move-the-record").do
CLOUD = parse_plan(sample_plan("unplanned-aws"))
HOOK = WebhookDeed(url="https://rules.bank.example/open", secret="hook", verb="open")
ROWS: list[tuple[Deed, bool, bool, bool]] = [  # changes, moves the record, knows its opposite
    (RelayDeed(verb="seal", center="tokyo"), True, False, True),
    (RelayDeed(verb="block", center="tokyo", classes=("all",)), True, False, True),
    (RelayDeed(verb="release", center="tokyo", classes=("all",)), True, False, False),
    (RelayDeed(verb="serving", center="tokyo"), False, False, False),
    (ManualDeed(checklist=("look",), changes=False), False, False, False),
    (ManualDeed(checklist=("edit the zone",), moves_dns=True), True, True, False),
    (CommandDeed(look=("x",)), False, False, False),
    (CommandDeed(look=("x",), argv=("y",), moves_dns=True), True, True, False),
    (HOOK, True, False, False),
    (BirdDeed(socket="/run/bird.ctl", protocol="svc", wanted="disabled"), True, False, True),
    (RECORD, True, True, False),
    (CLOUD.named("move-the-record-at-route53").do, True, True, False),
    (CLOUD.named("promote").do, True, False, False),
    (CLOUD.named("database-could-take-over").do, False, False, False),
    (CLOUD.named("open-online").do, True, False, False),
    (CLOUD.named("scale-up").do, True, False, False),
]


@pytest.mark.parametrize(
    ("deed", "changes", "dns", "back"), ROWS, ids=lambda value: "" if isinstance(value, bool) else kind_of(value)
)
def test_each_kind_says_what_it_is(deed: Deed, changes: bool, dns: bool, back: bool) -> None:
    assert (changes_something(deed), moves_dns(deed), takes_itself_back(deed)) == (changes, dns, back)


def test_only_two_kinds_compare_before_they_swap() -> None:
    assert {kind_of(deed) for deed, *_ in ROWS if compares_and_swaps(deed)} == {"rfc2136", "route53"}


def test_every_kind_has_a_row() -> None:
    assert {kind_of(deed) for deed, *_ in ROWS} == set(ACTIONS)


def test_four_names_are_filled_in_and_nothing_else() -> None:
    names = {"run": "r1", "epoch": "8", "region": "osaka", "center": "tokyo"}
    assert filled("--to={region}:{epoch} {run}{other}$(x)", names) == "--to=osaka:8 r1{other}$(x)"


@pytest.mark.parametrize("url", ["http://bank.example/", "https://bank.example/a b", "file:///etc/passwd", "https://"])
def test_a_hook_goes_to_https_only(url: str) -> None:
    told = {"action": "webhook", "url": url, "secret": "hook", "verb": "open"}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(told, WebhookDeed)
    assert msgspec.convert({**told, "url": HOOK.url}, WebhookDeed) == HOOK
