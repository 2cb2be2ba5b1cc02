"""The kit: what the relay builds a listener from, and what is refused at start."""

from __future__ import annotations

import pytest

from protocols.dialect import Dialect, DialectKit
from protocols.dialects import DIALECTS
from protocols.errors import LocalMisuse
from protocols.ndc.dialect import NDC as KIT
from protocols.ndc.dialect import build_dialect, default_profile
from protocols.ndc.profile import NdcProfile
from protocols.vocabulary import Received, Refusal
from tests.support.ndcplay import LOAD, NDC, WALL_MS


def test_it_is_on_the_list() -> None:
    kit: DialectKit = KIT
    assert DIALECTS["ndc"] is kit
    assert kit.profile_model is NdcProfile


def test_it_fulfils_the_port() -> None:
    dialect: Dialect = KIT.build(default_profile(), lambda name: LOAD, lambda: WALL_MS)
    assert (dialect.name, dialect.answers_on_new_link) == ("ndc", False)
    assert not dialect.new_dialogue().is_signed_on


def test_a_load_for_another_configuration_is_refused() -> None:
    with pytest.raises(LocalMisuse) as caught:
        build_dialect(default_profile(config_id="0002", load="x"), lambda name: LOAD, lambda: WALL_MS)
    assert caught.value.path == "load"


def test_what_is_not_ours_is_our_mistake_never_the_peers() -> None:
    assert NDC.to_request("text", Received(WALL_MS, "ndc", "bank")) is Refusal.INTERNAL
    with pytest.raises(LocalMisuse):
        NDC.to_reply("text", Refusal.INTERNAL, WALL_MS)
    with pytest.raises(LocalMisuse):
        KIT.build("text", lambda name: LOAD, lambda: WALL_MS)
