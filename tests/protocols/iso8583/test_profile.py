"""The profile: complete defaults, and every contradiction refused with its name."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from protocols.framing import Framing
from protocols.iso8583 import defaults
from protocols.iso8583.dialect import default_profile
from protocols.iso8583.profile import EchoLists, Iso8583Profile, KeyRecipe, KindRule, Model, SessionRules, as_framing
from protocols.vocabulary import DoubtPolicy


def problem(**overrides: object) -> str:
    with pytest.raises(ValidationError) as caught:
        default_profile(**overrides)
    return str(caught.value)


@pytest.mark.parametrize("version", ["1987", "1993", "2003"])
@pytest.mark.parametrize("encoding", ["ascii", "bcd", "ebcdic"])
def test_defaults_are_complete(version: str, encoding: str) -> None:
    profile = default_profile(version=version, encoding=encoding)
    assert set(profile.all_processing_codes().values()) <= profile.all_kinds().keys()
    assert profile.all_framing() == Framing.named("ascii4")
    assert profile.all_network_codes()
    assert profile.all_codes()["approved"].strip("0") == ""
    assert profile.session.partial_frame_ms == 10_000
    assert profile.session.sign_on == "required"
    assert profile.key_date == ("13" if version == "1987" else "12")
    assert profile.version_digit == {"1987": "0", "1993": "1", "2003": "2"}[version]
    assert profile.network_element == (70 if version == "1987" else 24)


def test_every_setting_is_described() -> None:
    models: list[type[Model]] = [Iso8583Profile, SessionRules, KeyRecipe, EchoLists, KindRule]
    for model in models:
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"


def test_strict_frozen_and_nothing_unknown() -> None:
    assert "session.idle_echo_ms" in problem(session={"idle_echo_ms": "70"})
    assert "verison" in problem(verison="1987")
    assert "1988" in problem(version="1988")
    with pytest.raises(ValidationError):
        default_profile().version = "1993"  # type: ignore[misc]  # frozen: that is the test


def test_a_kind_without_a_doubt_policy_is_refused() -> None:
    assert 'kind "lottery" has no doubt policy' in problem(processing_codes={"60": "lottery"})
    assert "kinds.lottery.doubt" in problem(processing_codes={"60": "lottery"}, kinds={"lottery": {"amount": "required"}})
    profile = default_profile(processing_codes={"60": "lottery"}, kinds={"lottery": {"doubt": "hold"}})
    assert profile.all_kinds()["lottery"].doubt is DoubtPolicy.HOLD
    assert profile.all_processing_codes()["01"] == "withdrawal"


@pytest.mark.parametrize("kind", sorted(defaults.NEVER_UNDONE))
def test_a_deposit_is_never_undone(kind: str) -> None:
    assert f'"{kind}" is never undone' in problem(kinds={kind: {"doubt": "undo"}})
    assert default_profile(kinds={kind: {"doubt": "hold"}}).all_kinds()[kind].doubt is DoubtPolicy.HOLD


def test_response_codes_have_the_versions_length() -> None:
    assert '"reversed" is "914", but DE 39 has 2 characters' in problem(codes={"reversed": "914"})
    assert "3 characters in 1993" in problem(version="1993", codes={"reversed": "05"})
    assert default_profile(codes={"reversed": "21"}).all_codes()["reversed"] == "21"


@pytest.mark.parametrize("code", ["00", "10"])
def test_no_refusal_may_read_as_an_approval(code: str) -> None:
    assert f'"in-doubt" is "{code}", which means approved' in problem(codes={"in-doubt": code})
    assert '"lost-card" is "0A"' in problem(codes={"approved": "0A", "lost-card": "0A"})
    assert '"do-not-honour" is "05", which means approved' in problem(codes={"approved": "05"})


def test_key_dates_that_could_not_name_an_original() -> None:
    assert "key.date" in problem(version="1993", key={"date": "13"})
    assert "key.date" in problem(version="1993", key={"date": "7"})
    assert default_profile(key={"date": "7"}).key_date == "7"


def test_framing_by_name_or_by_parts() -> None:
    assert "unknown; known are" in problem(framing="ascii44")
    assert "framing.siz" in problem(framing={"siz": 4})
    assert "1 to 6" in problem(framing={"size": 9})
    assert "hex digits" in problem(framing={"prefix": "XY"})
    assert "int" in problem(framing={"size": "4"})
    profile = default_profile(framing={"base": "nac", "default_header": "6000010002"}, frame_bytes_max=2048)
    assert profile.all_framing().default_header == bytes.fromhex("6000010002")
    assert profile.all_framing().max_bytes == 2048
    assert profile.all_framing().tpdu_swap
    assert default_profile(zero_frames="echo").all_framing().zero == "echo"
    assert as_framing({"length": "binary", "size": 2}) == Framing(length="binary", size=2)


def test_frame_limits() -> None:
    assert default_profile(frame_bytes_max=16).all_framing().max_bytes == 16
    assert default_profile(frame_bytes_max=1_048_576).all_framing().max_bytes == 1_048_576
    assert "frame_bytes_max" in problem(frame_bytes_max=15)
    assert "frame_bytes_max" in problem(frame_bytes_max=1_048_577)


def test_card_data_may_not_go_where_it_would_be_stored() -> None:
    assert "must not" in problem(extra_fields={"mine": 35})
    assert "must not" in problem(extra_fields={"mine": 48})
    assert "rule of its own" in problem(reply_fields={"mine": 39})
    assert "no card data" in problem(session={"network_fields": {"52": "0011223344556677"}})
    assert "no card data" in problem(session={"network_fields": {"x": "1"}})


def test_network_codes_mean_known_actions() -> None:
    assert "expected one of sign-on" in problem(session={"network_codes": {"005": "logon"}})
    assert default_profile(session={"network_codes": {"005": "sign-on"}}).all_network_codes()["005"] == "sign-on"


def test_currencies() -> None:
    assert "ZZZ" in problem(currency_default="ZZZ")
    assert "XXY" in problem(currency_exponents={"XXY": 2})
    assert "currency_exponents" in problem(currency_exponents={"JPY": 5})


def test_echo_lists() -> None:
    assert default_profile(echo={"financial": [41, 11, 11]}).all_echoed("financial") == (11, 41)
    assert 37 in default_profile().all_echoed("financial")
    assert "echo.financial" in problem(echo={"financial": [129]})


def test_processing_codes_look_like_processing_codes() -> None:
    assert "two characters" in problem(processing_codes={"011": "withdrawal"})
    assert "two characters" in problem(processing_codes={"3:01": "withdrawal"})
    profile = default_profile(processing_codes={"1:01": "withdrawal", "2:60": "payment", "6A": "payment"})
    assert profile.all_processing_codes()["1:01"] == "withdrawal"


def test_every_contradiction_at_once() -> None:
    text = problem(codes={"reversed": "1"}, processing_codes={"60": "lottery"}, currency_default="ZZZ")
    assert "lottery" in text
    assert "reversed" in text
    assert "ZZZ" in text
