"""A configuration with ten mistakes gets ten lines, each on its own line of the file, each with what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.iso8583.dialect import Iso8583Dialect
from protocols.iso8583.message import IsoMessage
from relay import configfile
from relay.configfile import Checked, Mistake, build_dialect, check, check_text, load
from relay.configuration.relations import Finding
from relay.errors import ConfigurationError
from relay.overlays import read_overlay
from relay.settings import ListenerSettings, Settings

FINE = """\
[relay]
center = "tokyo"
realm = "bank"
[core]
name = "localhost"
[[listener]]
name = "atm"
endpoint = "tcp:8583:interface=127.0.0.1"
[listener.profile]
framing = "binary2"
[[dialer]]
name = "switch"
endpoint = "tcp:host=10.1.2.3:port=7000"
"""

TEN = """\
[relay]
center = "Tokyo!"
drain_deadline = 30_000

[core]
name = "localhost"
port = "443"
inflight_count_min = 600

[telemetry]
log_level = "INFO"

[[listener]]
name = "atm"
endpoint = "tpc:8583"
allow_networks = ["10.0.0.1/8"]
[listener.profile]
version = "1986"
processing_codes = { "77" = "lottery" }

[[listener]]
name = "atm"
dialect = "iso8538"

[jurnal]
path = "/var/lib/relay/journal.sqlite"
"""


def lines(checked: Checked) -> list[tuple[int, str]]:
    return [(mistake.line, mistake.path) for mistake in checked.mistakes]


def only(text: str) -> Mistake:
    checked = check_text(text, "relay.toml")
    assert checked.settings is None
    [mistake] = checked.mistakes
    return mistake


def test_a_right_file_becomes_settings() -> None:
    checked = check_text(FINE, "relay.toml")
    assert (checked.mistakes, checked.warnings) == ((), ())
    assert checked.settings is not None
    assert checked.settings.listener[0].name == "atm"
    assert checked.settings.dialer[0].endpoint == "tcp:host=10.1.2.3:port=7000"


def test_ten_mistakes_and_more_are_told_at_once_each_on_its_line() -> None:
    checked = check_text(TEN, "relay.toml")
    assert checked.settings is None
    assert lines(checked) == [
        (2, "relay.center"),
        (3, "relay.drain_deadline"),
        (7, "core.port"),
        (8, "core.inflight_count_min"),
        (11, "telemetry.log_level"),
        (15, "listener[0].endpoint"),
        (16, "listener[0].allow_networks[0]"),
        (18, "listener[0].profile.version"),
        (19, "listener[0].profile.processing_codes.77"),
        (22, "listener[1].name"),
        (23, "listener[1].dialect"),
        (25, "jurnal"),
    ]
    assert {mistake.file for mistake in checked.mistakes} == {"relay.toml"}
    suggestions = [mistake.suggestion for mistake in checked.mistakes]
    for meant in (
        '"drain_deadline_ms"',
        "443 without quotes",
        '"info"',
        '"tcp"',
        '"10.0.0.0/8"',
        '"1987"',
        '"iso8583"',
        '"journal"',
    ):
        assert sum(meant in suggestion for suggestion in suggestions) == 1, meant


def test_a_mistake_reads_as_one_line() -> None:
    mistake = only(FINE.replace("binary2", "binary-two").replace('framing = "binary-two"', "session = { sign_on = 1 }"))
    assert mistake.text().startswith("relay.toml:10: listener[0].profile.session.sign_on: 1 is none of 'required', ")


def test_a_misspelt_required_name_is_one_mistake_and_not_two() -> None:
    mistake = only(FINE.replace('name = "switch"', 'nme = "switch"'))
    assert (mistake.line, mistake.path, mistake.suggestion) == (12, "dialer[0].nme", 'did you mean "name"?')


def test_a_missing_setting_stands_where_its_table_begins() -> None:
    mistake = only(FINE.replace('endpoint = "tcp:host=10.1.2.3:port=7000"\n', ""))
    assert (mistake.line, mistake.path, mistake.problem) == (11, "dialer[0].endpoint", "this setting is required")


def test_a_default_is_not_blamed_for_a_mistake_beside_it() -> None:
    """inflight_count_max is wrong by itself; whether the minimum is below it cannot be said."""
    text = FINE.replace("[core]\n", "[core]\ninflight_count_min = 9_000\ninflight_count_max = 9_000.5\n")
    assert only(text).path == "core.inflight_count_max"


def test_a_model_that_names_several_relations_gives_several_mistakes() -> None:
    text = FINE.replace(
        'framing = "binary2"',
        'processing_codes = { "77" = "lottery" }\ncodes = { not-signed-on = "123" }\nkinds = { deposit = { doubt = "undo" } }'
        '\ncurrency_default = "ZZZ"\ncurrency_exponents = { XXY = 2 }',
    )
    checked = check_text(text, "relay.toml")
    assert lines(checked) == [
        (10, "listener[0].profile.processing_codes.77"),
        (11, "listener[0].profile.codes.not-signed-on"),
        (12, "listener[0].profile.kinds.deposit"),
        (13, "listener[0].profile.currency_default"),
        (14, "listener[0].profile.currency_exponents.XXY"),
    ]
    assert "doubt policy" in checked.mistakes[0].problem


def test_what_only_the_dialect_can_see_has_its_line_too() -> None:
    mistake = only(FINE.replace('framing = "binary2"', 'overlays = ["no-such-overlay"]'))
    assert (mistake.line, mistake.path) == (10, "listener[0].profile.overlays")
    assert "no-such-overlay" in mistake.problem
    assert "1987-ascii" in mistake.problem
    unfit = only(FINE.replace('framing = "binary2"', 'version = "1993"\noverlays = ["1993-bcd"]'))
    assert (unfit.line, unfit.path) == (11, "listener[0].profile.overlays")


def test_what_two_links_of_a_dialect_must_not_share_is_a_mistake_of_the_later_one() -> None:
    dialer = (
        '[[dialer]]\nname = "{name}"\ndialect = "zrc"\nendpoint = "tcp:host=192.0.2.1:port=5001"\n'
        "[dialer.profile.line]\nlogical = {n}\n"
    )
    text = dialer.format(name="a", n=1) + dialer.format(name="b", n=1)
    told = check_text(text, "relay.toml").mistakes
    assert [(mistake.path, mistake.line) for mistake in told if "logical" in mistake.path] == [
        ("dialer[1].profile.line.logical", 12)
    ]
    assert any("belong to another line already" in mistake.problem for mistake in told)
    ranges = ["[dialer.profile.telegram]\nserial_last = 99\n", "[dialer.profile.telegram]\nserial_first = 100\n"]
    assert check_text(
        dialer.format(name="a", n=1) + ranges[0] + dialer.format(name="b", n=2) + ranges[1], "relay.toml"
    ).settings


def test_a_wait_of_a_profile_that_does_not_fit_the_deadline_of_its_link() -> None:
    listener = FINE.replace('name = "atm"\n', 'name = "atm"\ndialect = "ndc"\n').replace('framing = "binary2"\n', "")
    assert check_text(listener, "relay.toml").settings
    late = only(listener.replace("[listener.profile]", "reply_deadline_ms = 30_000\n[listener.profile]"))
    assert late.path == "listener[0].profile.session.reply_window_ms"
    assert "debited and never paid" in late.problem
    window = "[listener.profile]\n[listener.profile.session]\nreply_window_ms = 15_000"
    assert (only(listener.replace("[listener.profile]", window)).line, late.line) == (12, 11)
    early = check_text(listener.replace("[relay]", "[relay]\ncompletion_deadline_ms = 80_000"), "relay.toml")
    assert early.settings
    assert [warning.path for warning in early.warnings if "ndc" not in warning.path and "status" in warning.path] == [
        "listener[0].profile.session.status_wait_ms"
    ]


def test_one_of_many_in_single_brackets() -> None:
    mistake = only("[core]\nname = 'localhost'\n[listener]\nname = 'atm'\n")
    assert (mistake.line, mistake.suggestion) == (3, "write it with two brackets: [[listener]]")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[relay]\ncenter = tokyo\n", 2, "quotes"),
        ("[relay]\ncenter = 'tokyo\nrealm = 'x'\n", 2, ""),
        ("a = 1\na = 2\n", 2, "twice"),
        ("[listener]\n[listener]\n", 2, "[[listener]]"),
        ("[relay]\nx = [1,\n\n", 2, "]"),
        ("relay\n", 1, "name = value"),
        ("", 0, ""),
    ],
)
def test_a_syntax_mistake_has_its_line_and_a_hint(text: str, line: int, says: str) -> None:
    checked = check_text(text, "relay.toml")
    if line == 0:
        assert checked.settings is not None  # an empty file is all defaults, and serves nobody
        assert any("nothing to serve" in warning.problem for warning in checked.warnings)
        return
    [mistake] = checked.mistakes
    assert (mistake.line, mistake.path) == (line, "")
    assert says in mistake.suggestion


def test_a_secret_in_the_place_of_its_name_is_found_and_never_repeated() -> None:
    secret = "00112233445566778899aabbccddeeff" * 2
    mistake = only(FINE + f'[journal]\nkey_credential = "{secret}"\n')
    assert "secret itself" in mistake.problem
    assert secret not in mistake.text()
    broken = only(FINE + f'[journal]\nkey_credential = ["{secret}"]\n')
    assert secret not in broken.text()


def test_the_machine_is_looked_at_when_asked_and_not_blamed_for_a_mistake_of_the_file() -> None:
    def machine(settings: Settings) -> list[Finding]:
        return [
            Finding(("core", "port"), "nobody answers there"),
            Finding(("relay", "center"), "unknown here", is_warning=True),
        ]

    checked = check_text(FINE, "relay.toml", machine=lambda s: iter(machine(s)))
    assert [mistake.path for mistake in checked.mistakes] == ["core.port"]
    assert [warning.path for warning in checked.warnings] == ["relay.center"]
    wrong = check_text(FINE.replace("[core]\n", "[core]\nport = true\n"), "relay.toml", machine=lambda s: iter(machine(s)))
    assert [(mistake.path, "whole number" in mistake.problem) for mistake in wrong.mistakes] == [("core.port", True)]


# ---- files --------------------------------------------------------------------------------------------------------------
def test_load_gives_settings_or_every_mistake(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text(FINE)
    assert load(str(file)).relay.realm == "bank"
    file.write_text(TEN)
    with pytest.raises(ConfigurationError, match="12 mistakes") as caught:
        load(str(file))
    assert caught.value.exit_code == 2
    assert f"{file}:25: jurnal" in caught.value.problem


def test_a_file_that_cannot_be_read_is_a_mistake_and_no_traceback(tmp_path: Path) -> None:
    [missing] = check(str(tmp_path / "nothing.toml")).mistakes
    assert "No such file" in missing.problem
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"[relay]\n# Z\xfcrich\n")
    [mistake] = check(str(latin)).mistakes
    assert (mistake.line, "UTF-8" in mistake.problem) == (2, True)


def test_a_file_is_read_up_to_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "relay.toml"
    file.write_text(FINE)
    monkeypatch.setattr(configfile, "FILE_BYTES_MAX", len(FINE))
    assert check(str(file)).settings is not None
    monkeypatch.setattr(configfile, "FILE_BYTES_MAX", len(FINE) - 1)
    assert check(str(file)).settings is None


def test_overlays_are_found_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "dialects").mkdir()
    (tmp_path / "dialects" / "our-bank.toml").write_text(read_overlay("1987-ascii"))
    file = tmp_path / "relay.toml"
    file.write_text(FINE.replace('framing = "binary2"', 'overlays = ["our-bank"]'))
    assert check(str(file)).mistakes == ()


def test_the_example_configuration_has_no_mistake() -> None:
    example = Path(__file__).resolve().parents[2] / "config" / "relay.example.toml"
    assert check(str(example)).mistakes == ()


# ---- dialects -----------------------------------------------------------------------------------------------------------
def test_a_dialect_is_built_from_its_listener() -> None:
    link = ListenerSettings(name="atm", profile={"version": "1993", "encoding": "bcd", "overlays": ["1993-bcd"]})
    assert build_dialect(link, read_overlay, lambda: 0).name == "iso8583"


@pytest.mark.parametrize("link", [{"dialect": "morse"}, {"profile": {"version": "1"}}, {"profile": {"overlays": ["none"]}}])
def test_a_dialect_that_cannot_be_built_is_the_operators_error(link: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        build_dialect(ListenerSettings.model_validate({"name": "atm", **link}), read_overlay, lambda: 0)


# ---- the bank's own code ------------------------------------------------------------------------------------------------
HOOKED = FINE.replace('framing = "binary2"', 'framing = "binary2"\nmac = "required"\nhooks = "{name}"')


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module of the bank; the same in every test of a process, for what is imported stays so."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "configuredbank.py").write_text(
        "from protocols.iso8583.hooks import Hooks\n"
        "class Hsm:\n"
        "    def check(self, message, covered, mac): ...\n"
        "    def compute(self, message, covered): return b'8 bytes.'\n"
        "HOOKS, EMPTY, UNMADE, HALF = Hooks(Hsm()), Hooks(), Hooks(Hsm), Hooks(object())\n"
        "DEAF = Hooks(Hsm(), 'no function')\n"
    )
    return "configuredbank"


def test_hooks_are_attached_by_name(bank: str) -> None:
    assert check_text(HOOKED.replace("{name}", f"{bank}:HOOKS"), "relay.toml").mistakes == ()
    link = ListenerSettings(name="atm", profile={"mac": "required", "hooks": f"{bank}:HOOKS"})
    built = build_dialect(link, read_overlay, lambda: 0)
    assert isinstance(built, Iso8583Dialect)
    assert b"8 bytes.".hex().upper().encode() in built.speaker.write(IsoMessage("0200", {11: "000001"}))


@pytest.mark.parametrize(
    ("name", "path", "problem", "suggestion"),
    [
        ("nobodys.module:HOOKS", "hooks", 'no module "nobodys"', "PYTHONPATH"),
        ("configuredbank:HOKS", "hooks", 'has no "HOKS"', 'did you mean "HOOKS"?'),
        ("configuredbank:Hsm", "hooks", "is the class Hsm, not Hooks", "an instance of protocols.iso8583.hooks.Hooks"),
        ("configuredbank:UNMADE", "hooks", "mac is the class Hsm", ""),
        ("configuredbank:HALF", "hooks", "mac lacks check or compute", ""),
        ("configuredbank:DEAF", "hooks", "key_exchange cannot be called", ""),
        ("configuredbank:EMPTY", "mac", "no MAC hook is attached", ""),
        ("configuredbank", "hooks", "not a valid name", "it has to match"),
        ("configuredbank:", "hooks", "not a valid name", ""),
        ("../bank.py:HOOKS", "hooks", "not a valid name", ""),
        ("", "mac", 'name one with hooks = "package.module:attribute"', ""),
    ],
)
def test_hooks_that_cannot_be_had_are_told_with_their_line(
    bank: str, name: str, path: str, problem: str, suggestion: str
) -> None:
    text = HOOKED.replace("{name}", name)
    mistake = only(text)
    assert (mistake.path, mistake.line) == (f"listener[0].profile.{path}", line_with(text, f"{path} = "))
    assert problem in mistake.problem
    assert suggestion in mistake.suggestion
    link = ListenerSettings(name="atm", profile={"mac": "required", "hooks": name})
    with pytest.raises(ConfigurationError, match="atm"):
        build_dialect(link, read_overlay, lambda: 0)


def test_hooks_that_nothing_asks_are_a_mistake_and_no_false_safety(bank: str) -> None:
    mistake = only(HOOKED.replace("{name}", f"{bank}:HOOKS").replace('mac = "required"', ""))
    assert mistake.path == "listener[0].profile.hooks"
    assert 'set mac = "required"' in mistake.problem


def line_with(text: str, start: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if line.startswith(start))


# ---- anything at all ----------------------------------------------------------------------------------------------------
VALUES = st.recursive(
    st.none().map(lambda _: "x") | st.booleans() | st.integers(-3, 70_000) | st.floats(-9, 9) | st.text("ab0:./[", max_size=9),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "x", "tls", "key"]), inner, max_size=2)
    ),
    max_leaves=5,
)
NAMES = st.sampled_from([*Settings.model_fields, "name", "endpoint", "tls", "profile", "port", "path", "dialect", "terminals"])


def toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + "}"
    return repr(value)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, VALUES | st.dictionaries(NAMES, VALUES, max_size=4), max_size=5))
def test_no_file_however_wrong_is_more_than_a_list_of_mistakes(document: dict[str, object]) -> None:
    text = "".join(f"{name} = {toml(value)}\n" for name, value in document.items())
    checked = check_text(text, "relay.toml")
    assert (checked.settings is None) == bool(checked.mistakes)
    assert all(1 <= mistake.line <= max(1, text.count("\n")) and mistake.problem for mistake in checked.mistakes)
