"""Which control socket a tool talks to: what is typed, the configuration's, the environment's, the default."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from relay.cli.reach import add_arguments, client, settings_of, socket_path
from relay.errors import ConfigurationError
from relay.settings import ControlSettings


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def test_the_nearest_word_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RELAY_SOCKET", raising=False)
    assert socket_path(parse()) == ControlSettings().path
    monkeypatch.setenv("RELAY_SOCKET", "/run/other.sock")
    assert socket_path(parse()) == "/run/other.sock"
    config = tmp_path / "relay.toml"
    config.write_text('[control]\npath = "/run/configured.sock"\n')
    assert socket_path(parse("--config", str(config))) == "/run/configured.sock"
    assert socket_path(parse("--socket", "/run/typed.sock")) == "/run/typed.sock"
    assert client(parse("--socket", "/run/typed.sock")).path == "/run/typed.sock"


def test_a_wrong_configuration_is_told_by_its_first_mistake(tmp_path: Path) -> None:
    config = tmp_path / "relay.toml"
    config.write_text('[core]\nport = "1"\nprot = 2\n')
    with pytest.raises(ConfigurationError, match=r"relay.toml:2: core.port.*All of them: relay check"):
        settings_of(str(config))
