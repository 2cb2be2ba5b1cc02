"""Random messages for any dialect, and the dialects that the property tests run over."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from protocols.iso8583.codec import compile_codec
from protocols.iso8583.message import IsoMessage, Value
from protocols.iso8583.overlay import load_overlay
from protocols.iso8583.spec import FieldSpec, Spec
from protocols.primitives import TABLES

DIALECTS = Path(__file__).parents[2] / "config" / "dialects"
NEVER = 10**9
SPECS = {path.stem: load_overlay(path.read_text("utf-8")) for path in sorted(DIALECTS.glob("*.toml"))}
CODECS = {name: compile_codec(spec, plan_after_count=NEVER) for name, spec in SPECS.items()}
QUICK = {name: compile_codec(spec, plan_after_count=1) for name, spec in SPECS.items()}

UNITS_MAX = 40  # longer values prove nothing more


def alphabet_of(field: FieldSpec) -> st.SearchStrategy[str]:
    if field.charset == "ascii":
        return st.characters(max_codepoint=0x7F)
    if field.charset == "utf-8":
        return st.characters(exclude_categories=["Cs"])
    return st.sampled_from(sorted(TABLES.get(field.charset, "".join(map(chr, range(256))))))


def values(field: FieldSpec) -> st.SearchStrategy[Value]:
    """Values that an element may have."""
    most = field.max if not field.length_digits else min(field.max, UNITS_MAX)
    least = most if not field.length_digits else 0
    if field.kind == "b":
        return st.binary(min_size=least, max_size=most)
    if field.kind == "n":
        return st.text("0123456789", min_size=least, max_size=most)
    if field.kind == "z":
        return st.text("0123456789=", min_size=least, max_size=most)
    if field.kind == "x+n":
        return st.builds(str.__add__, st.sampled_from("CD"), st.text("0123456789", min_size=most - 1, max_size=most - 1))
    return st.text(alphabet_of(field), min_size=least, max_size=most)


@st.composite
def messages(draw: st.DrawFn, spec: Spec, numbers: tuple[int, ...] = ()) -> IsoMessage:
    """A message of up to twelve elements, in rising order of number."""
    chosen = draw(st.sets(st.sampled_from(sorted(numbers or spec.fields)), min_size=1, max_size=12))
    fields = {number: draw(values(spec.fields[number])) for number in sorted(chosen)}
    return IsoMessage(draw(st.from_regex(r"\A[0-289][1-8][0-7][0-5]\Z")), fields, draw(st.sampled_from([b"", b"head"])))
