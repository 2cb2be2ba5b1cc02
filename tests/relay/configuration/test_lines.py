"""The scanner finds exactly the keys that tomllib finds, in any document, and puts them on the right lines."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.configuration.lines import Path, dotted, key_lines, line_of

SAMPLE = """\
# a comment = with [[brackets]]
title = "a # in a \\" string"

[relay]
center = "tokyo"   # and a comment
"odd key".realm = 'x'

[[listener]]
name = "atm"
allow_networks = [
    "10.0.0.0/8",   # first
    "10.1.0.0/16",
]
[listener.tls]
certificate = \"\"\"
[not.a.table]
key = 3\"\"\"\"
[[listener]]
name = "branch"
profile = { key = { fields = ["11"] }, version = "1987" }
[listener.more]
x.y = 1979-05-27 07:32:00
[[listener.rules]]
n = 1
[[listener.rules]]
n = 2
"""


def flat(value: object, path: Path = ()) -> set[Path]:
    found = {path} if path else set()
    if isinstance(value, dict):
        for name, inner in value.items():
            found |= flat(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found |= flat(inner, (*path, index))
    return found


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("relay",), 4),
        (("relay", "center"), 5),
        (("relay", "odd key", "realm"), 6),
        (("listener",), 8),
        (("listener", 0), 8),
        (("listener", 0, "allow_networks"), 10),
        (("listener", 0, "allow_networks", 0), 11),
        (("listener", 0, "allow_networks", 1), 12),
        (("listener", 0, "tls"), 14),
        (("listener", 0, "tls", "certificate"), 15),
        (("listener", 1), 18),
        (("listener", 1, "profile", "key", "fields", 0), 20),
        (("listener", 1, "profile", "version"), 20),
        (("listener", 1, "more", "x", "y"), 22),
        (("listener", 1, "rules", 1, "n"), 26),
    ],
)
def test_every_kind_of_key_has_its_line(path: Path, line: int) -> None:
    lines = key_lines(SAMPLE)
    assert lines[path] == line
    assert set(lines) == flat(tomllib.loads(SAMPLE))


def test_carriage_returns_do_not_move_lines() -> None:
    assert key_lines("a = 1\r\n\r\nb = '''\r\nx'''\r\nc = 2\r\n") == {("a",): 1, ("b",): 3, ("c",): 5}


def test_what_is_missing_stands_where_its_table_stands() -> None:
    lines = key_lines(SAMPLE)
    assert line_of(lines, ("listener", 1, "endpoint")) == 18
    assert line_of(lines, ("core", "name")) == 1


def test_a_path_reads_as_people_write_it() -> None:
    assert dotted(("listener", 0, "odd key", "x-1")) == 'listener[0]."odd key".x-1'


def test_a_text_that_is_not_toml_is_refused() -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        key_lines("a = ")


KEYS = st.text(st.sampled_from("ab-_ .\"'\\#[]=é\n\t"), min_size=0, max_size=4)
SCALARS = st.one_of(
    st.integers(-5, 5),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.sampled_from("ab\"'\\\n#[]{},=é"), max_size=8),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=4)


def quoted(text: str, style: int) -> str:
    if style == 1 and not set(text) & set("'\n"):
        return f"'{text}'"
    if style == 2 and "'" not in text:
        return f"'''{text}'''" if not text.startswith("\n") else f"'''\n{text}'''"
    if style == 3:
        return '"""' + text.replace("\\", "\\\\").replace('"', '\\"') + '"""'
    return '"' + "".join(f"\\u{ord(c):04x}" if c in '"\\\n\t' else c for c in text) + '"'


class Writer:
    """A document in TOML, with quotes, comments and layout chosen at random."""

    def __init__(self, choose: st.DataObject) -> None:
        self.choose = choose

    def pick(self, count: int) -> int:
        return self.choose.draw(st.integers(0, count - 1))

    def key(self, name: str) -> str:
        return quoted(name, self.pick(2))

    def value(self, value: object) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return quoted(value, self.pick(4))
        if isinstance(value, list):
            gap = ("", "\n # ] not the end\n ")[self.pick(2)]
            return "[" + gap + ",".join(self.value(v) + gap for v in value) + "]"
        if isinstance(value, dict):
            return "{ " + ", ".join(f"{self.key(k)} = {self.value(v)}" for k, v in value.items()) + " }"
        return repr(value)

    def table(self, table: dict[str, object], path: str = "") -> str:
        plain, nested = [], []
        for name, value in table.items():
            key = self.key(name)
            full = f"{path}.{key}" if path else key
            if isinstance(value, dict) and self.pick(2):
                nested.append(f"[ {full} ] # [x]\n" + self.table(value, full))
            elif isinstance(value, list) and value and all(isinstance(v, dict) for v in value) and self.pick(2):
                nested.extend(f"[[{full}]]\n" + self.table(inner, full) for inner in value)
            else:
                plain.append(f"  {key}\t= {self.value(value)}  # a = b\n")
        return "".join(plain) + "\n" + "".join(nested)


@given(DOCUMENTS, st.data())
def test_the_scanner_sees_what_tomllib_sees(document: dict[str, object], choose: st.DataObject) -> None:
    text = Writer(choose).table(document)
    assert set(key_lines(text)) == flat(tomllib.loads(text))
