"""The table of dialects: every entry fulfils the kit's port under its own name."""

from __future__ import annotations

from pydantic import BaseModel

from protocols.dialect import DialectKit
from protocols.dialects import DIALECTS


def test_every_kit_fulfils_the_port() -> None:
    assert "iso8583" in DIALECTS
    for name, kit in DIALECTS.items():
        assert isinstance(kit, DialectKit)
        assert kit.name == name
        assert issubclass(kit.profile_model, BaseModel)
        dialect = kit.build(kit.profile_model(), lambda overlay: "", lambda: 0)
        assert dialect.name == name
        assert dialect.new_dialogue().is_idle
