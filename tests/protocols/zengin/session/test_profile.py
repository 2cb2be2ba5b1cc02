"""The profile: defaults that work, and every contradiction said at once."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from protocols.zengin.session.profile import ZrcProfile
from relay.configfile import check_text


def test_the_defaults_are_the_published_numbers_and_our_profile() -> None:
    profile = ZrcProfile()
    assert (profile.line.physical, profile.line.logical, profile.line.lcns) == (1, 1, (0,))
    assert (profile.timers.watch_send_ms, profile.timers.watch_silence_ms, profile.timers.ack_wait_ms) == (
        30_000,
        90_000,
        30_000,
    )
    assert profile.tables.enrichment == "bypass"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"line": {"physical": 5}}, "physical"),
        ({"line": {"logical": 9}}, "logical"),
        ({"line": {"lcns": [16]}}, "lcns"),
        ({"line": {"lcns": []}}, "lcns"),
        ({"line": {"lcns": [1, 1]}}, "each LCN once"),
        ({"line": {"lcn_of": {"KT": 4}}}, "not among lcns"),
        ({"telegram": {"widths": {"serial": 0}}}, "widths"),
        ({"telegram": {"serial_first": 9, "serial_last": 8}}, "ascending"),
        ({"telegram": {"serial_last": 1_000_000}}, "no wider"),
        ({"telegram": {"subjects": {"1000": "lottery"}}}, "lottery"),
        ({"telegram": {"control_subjects": {"dance": "9009"}}}, "dance"),
        ({"telegram": {"control_subjects": {"open": "9002"}}}, "one thing only"),
        ({"telegram": {"control_subjects": {"open": "1000"}}}, "one thing only"),
        ({"tables": {"enrichment": "on"}}, "name the version"),
        ({"calendar": {"core": {"opens": "25:00"}}}, "opens"),
        ({"calendar": {"extra_holidays": ["someday"]}}, "someday"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_contradicts_itself(settings: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        ZrcProfile.model_validate(settings)


def test_tables_lie_over_the_defaults() -> None:
    profile = ZrcProfile.model_validate(
        {"telegram": {"subjects": {"6000": "interbank-transfer"}, "control_subjects": {"open": "8001"}}}
    )
    assert profile.telegram.all_subjects()["1000"] == "interbank-transfer"
    assert profile.telegram.all_subjects()["6000"] == "interbank-transfer"
    assert profile.telegram.all_control_subjects()["open"] == "8001"


def test_a_zengin_center_of_four_by_eight_lines_of_sixteen_lcns_and_not_one_more() -> None:
    dialer = (
        '[[dialer]]\nname = "{p}-{n}"\ndialect = "zrc"\nendpoint = "tcp:host=192.0.2.{p}:port=500{n}"\n'
        "[dialer.profile.line]\nphysical = {p}\nlogical = {n}\nlcns = {lcns}\n"
        "[dialer.profile.telegram]\nserial_first = 1{p}{n}000\nserial_last = 1{p}{n}999\n"
    )
    full = "".join(dialer.format(p=p, n=n, lcns=[*range(16)]) for p in range(1, 5) for n in range(1, 9))
    assert check_text(full, "relay.toml").mistakes == ()
    for p, n, lcns, line, path in (
        (5, 1, [0], 6, "physical"),
        (0, 1, [0], 6, "physical"),
        (1, 9, [0], 7, "logical"),
        (1, 1, [*range(17)], 8, "lcns[16]"),
        (1, 1, [*range(16), 0], 8, "lcns"),
    ):
        (mistake,) = check_text(dialer.format(p=p, n=n, lcns=lcns), "relay.toml").mistakes
        assert mistake.path.endswith(path), mistake
        assert mistake.line == line, mistake
