"""A parser written for one bitmap: the fast way from bytes to message.

Owns the generation of a small Python function from the elements that a bitmap promises, and its compilation. Why source text:
what the general reader decides again and again for each element of each message (kind, encoding, length) is decided once, and
a run of fixed elements becomes one `itemgetter` call over slices made beforehand. The source holds only numbers and names made
here; nothing of a message or of configuration text is ever put into it.

A plan answers None whenever anything is not as usual: a wrong digit, a short body, an odd track. It never says why, and never
guesses; the precise reader (`elements.py`) then decides, and a test holds the two against each other. The trap: slices are
silently short at the end of a body, so that the last line of every plan compares the end with the length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import TypeAlias

import msgspec

from protocols.iso8583.elements import write_length
from protocols.iso8583.message import IsoMessage
from protocols.iso8583.spec import FieldSpec, Spec
from protocols.primitives import TABLES, decode_text

ParsePlan: TypeAlias = Callable[[bytes, bytes], IsoMessage | None]

TABLE_MAX = 999  # lengths up to here are looked up, greater ones computed: a table of 10,000 is a megabyte


def compile_parse(spec: Spec, numbers: Sequence[int], at: int, wide: bool) -> ParsePlan | None:
    """The parser for messages with just these elements, the first at byte `at`; None where they need the precise reader."""
    fields = [spec.fields[number] for number in numbers]
    charset = common_charset(fields)
    if charset is None or not all(is_plannable(field) for field in fields):
        return None
    source = _Source(spec, charset, at)
    run: list[FieldSpec] = []
    for field in fields:
        if field.length_digits:
            source.add_run(run)
            run = []
            source.add_variable(field)
        else:
            run.append(field)
    source.add_run(run)
    return source.compile(numbers, wide)


def is_plannable(field: FieldSpec) -> bool:
    """The usual forms; anything else stays with the precise way."""
    if field.length_counts != "units" or field.charset == "utf-8" or field.length_charset == "utf-8":
        return False
    if field.length_digits == 0:
        return field.kind != "z" and not (field.kind == "x+n" and field.written == "bcd" and field.max % 2 == 0)
    if field.max > TABLE_MAX and (field.length_pad_side == "right" or field.length_written == "hex"):
        return False
    return field.kind != "x+n"


def common_charset(fields: Sequence[FieldSpec]) -> str | None:
    """The one charset of all text in these elements; ascii where there is none, None where there are several."""
    used = {field.charset for field in fields if field.written in ("text", "hex") or field.kind == "x+n"}
    used |= {field.length_charset for field in fields if field.max > TABLE_MAX and field.length_written == "text"}
    return None if len(used) > 1 else used.pop() if used else "ascii"


def lengths_of(field: FieldSpec) -> dict[bytes, int]:
    """Every length that an element of at most TABLE_MAX units may have, by its bytes on the wire."""
    return _lengths_of(length_shape(field))


def length_shape(field: FieldSpec) -> FieldSpec:
    """The element without what its length does not depend on, so that all alike share one table."""
    return msgspec.structs.replace(
        field, number=0, name="", kind="ans", written="text", charset="ascii", pad_side="left", pad_nibble="0", track_nibbles=""
    )


@lru_cache(maxsize=256)
def _lengths_of(field: FieldSpec) -> dict[bytes, int]:
    return {write_length(field, count): count for count in range(field.max + 1)}


class _Source:
    """Lines of the function, and the values they name.

    In the lines: `body` the bytes, `t` the body as text, `h` the body as hex characters, `p` the offset behind the last
    variable element, `fN` the value of element N.
    """

    def __init__(self, spec: Spec, charset: str, at: int) -> None:
        self._spec = spec
        self._charset = charset
        self._is_absolute = True  # no variable element yet: offsets are plain numbers
        self._at = at  # bytes from the start, or from p
        self._lines: list[str] = []
        self._conditions: list[str] = []  # of the lines so far; flushed before offsets depend on them
        self._texts: list[str] = []  # values to be ASCII where other bytes of the body need not be
        self._names: dict[str, object] = {"Message": IsoMessage, "unhex": bytes.fromhex, "SIGNS": frozenset("CD")}
        self._has_bytes = spec.bitmap_written == "raw" or spec.mti_written == "bcd"
        self._uses_text = self._uses_hex = False

    # ---- offsets
    def _offset(self, extra: int = 0) -> str:
        count = self._at + extra
        if self._is_absolute:
            return str(count)
        return f"p+{count}" if count else "p"

    def _name(self, prefix: str, value: object) -> str:
        name = f"{prefix}{len(self._names)}"
        self._names[name] = value
        return name

    # ---- fixed elements
    def add_run(self, fields: Sequence[FieldSpec]) -> None:
        """Fixed elements side by side: one slice of the body, cut into values by one call per view."""
        if not fields:
            return
        texts: list[tuple[str, int, int]] = []  # name, first and last character in the run
        nibbles: list[tuple[str, int, int]] = []
        later: list[str] = []
        checks: list[str] = []
        digits: list[tuple[str, int, int]] = []  # spans to be digits: view, first, last
        place = 0
        for field in fields:
            name = f"f{field.number}"
            if field.written == "bcd" and field.kind == "x+n":
                texts.append((f"s{field.number}", place, place + 1))
                nibbles.append((f"d{field.number}", 2 * place + 2, 2 * place + 1 + field.max))
                later.append(f"{name} = s{field.number} + d{field.number}")
                checks += [f"s{field.number} in SIGNS", f"d{field.number}.isdecimal()"]
                place += 1 + (field.max - 1) // 2
            elif field.written == "bcd":
                size = (field.max + 1) // 2
                first, last = 2 * place, 2 * (place + size)
                if field.max & 1:
                    pad = first if field.pad_side == "left" else last - 1
                    checks.append(f"g[{pad}] == {field.pad_nibble.lower()!r}")
                    value = (first + 1, last) if field.pad_side == "left" else (first, last - 1)
                else:
                    value = (first, last)
                nibbles.append((name, *value))
                _extend(digits, "g", *(value if field.pad_nibble.isalpha() else (first, last)))
                place += size
            elif field.written == "raw":
                self._has_bytes = True
                later.append(f"{name} = body[{self._offset(place)}:{self._offset(place + field.max)}]")
                place += field.max
            elif field.written == "hex":
                texts.append((f"x{field.number}", place, place + 2 * field.max))
                later.append(f"{name} = unhex(x{field.number})")
                checks.append(f"len({name}) == {field.max}")
                place += 2 * field.max
            else:
                texts.append((name, place, place + field.max))
                if field.kind == "n":
                    _extend(digits, "r", place, place + field.max)
                elif field.kind == "x+n":
                    checks += [f"{name}[0] in SIGNS", f"{name}[1:].isdecimal()"]
                else:
                    self._texts.append(name)
                place += field.max
        if texts:
            self._uses_text = True
            self._lines.append(f"r = t[{self._offset()}:{self._offset(place)}]")
            self._cut("r", texts, place)
        if nibbles:
            self._uses_hex = True
            self._has_bytes = True
            base = "" if self._is_absolute else "p+p+"
            self._lines.append(f"g = h[{base}{2 * self._at}:{base}{2 * (self._at + place)}]")
            self._cut("g", nibbles, 2 * place)
        self._lines += later
        whole = {"r": place, "g": 2 * place}
        checks += [
            f"{view}.isdecimal()" if (first, last) == (0, whole[view]) else f"{view}[{first}:{last}].isdecimal()"
            for view, first, last in digits
        ]
        if checks:
            self._lines.append(f"if not ({' and '.join(checks)}): return None")
        self._at += place

    def _cut(self, view: str, parts: Sequence[tuple[str, int, int]], whole: int) -> None:
        if len(parts) == 1:
            name, first, last = parts[0]
            self._lines.append(f"{name} = {view}" if (first, last) == (0, whole) else f"{name} = {view}[{first}:{last}]")
            return
        getter = self._name("G", itemgetter(*(slice(first, last) for _, first, last in parts)))
        self._lines.append(f"{', '.join(name for name, _, _ in parts)} = {getter}({view})")

    # ---- variable elements
    def add_variable(self, field: FieldSpec) -> None:
        name = f"f{field.number}"
        length = self._length(field)
        if field.length_written != "text":
            self._has_bytes = True
        self._lines.append(f"a = {self._offset(field.length_bytes)}")
        if field.written == "bcd":
            self._add_packed(field, name, length)
        elif field.written == "raw":
            self._has_bytes = True
            self._lines += [f"p = a + {length}", f"{name} = body[a:p]"]
        elif field.written == "hex":
            self._uses_text = True
            self._lines += [f"p = a + 2 * {length}", f"{name} = unhex(t[a:p])"]
            self._lines.append(f"if 2 * len({name}) != p - a: return None")
        else:
            self._uses_text = True
            self._lines += [f"p = a + {length}", f"{name} = t[a:p]"]
            if field.kind == "n":
                self._lines.append(f"if not {name}.isdecimal(): return None")
            elif field.kind == "z":
                self._lines.append(f"if not {name}.replace('=', '').replace('D', '').isdecimal(): return None")
            else:
                self._texts.append(name)
        self._is_absolute = False
        self._at = 0

    def _length(self, field: FieldSpec) -> str:
        """An expression for the length at the present offset; the lines before it may give up."""
        first, last = self._offset(), self._offset(field.length_bytes)
        if field.max <= TABLE_MAX:
            return f"{self._name('L', lengths_of(field))}[body[{first}:{last}]]"
        if field.length_written == "binary":
            self._lines.append(f"n = int.from_bytes(body[{first}:{last}], 'big')")
        else:
            if field.length_written == "bcd":
                self._uses_hex = True
                self._lines.append(f"s = h[2 * ({first}):2 * ({last})]")
            else:
                self._uses_text = True
                self._lines.append(f"s = t[{first}:{last}]")
            self._lines += ["if not s.isdecimal(): return None", "n = int(s)"]
        self._lines.append(f"if n > {field.max}: return None")
        return "n"

    def _add_packed(self, field: FieldSpec, name: str, length: str) -> None:
        self._uses_hex = self._has_bytes = True
        self._lines += [f"n = {length}", "p = a + (n + 1 >> 1)"]
        pad = field.pad_nibble.lower()
        if field.pad_side == "left":
            self._lines.append(f"if n & 1 and h[a+a] != {pad!r}: return None")
            self._lines.append(f"{name} = h[p+p-n:p+p]")
        else:
            self._lines.append(f"if n & 1 and h[p+p-1] != {pad!r}: return None")
            self._lines.append(f"{name} = h[a+a:a+a+n]")
        if field.kind == "z":
            separator = field.track_nibbles[3]
            self._lines.append(f"{name} = {name}.replace('d', {separator!r})")
            self._lines.append(f"if not {name}.replace({separator!r}, '').isdecimal(): return None")
        else:
            self._lines.append(f"if not {name}.isdecimal(): return None")

    # ---- the whole
    def compile(self, numbers: Sequence[int], wide: bool) -> ParsePlan:
        head = self._views()
        tail = [f"if {self._offset()} != len(body): return None"]
        if self._charset == "ascii" and self._has_bytes and self._texts:
            joined = self._texts[0] if len(self._texts) == 1 else f"''.join(({', '.join(self._texts)}))"
            tail.append(f"if not {joined}.isascii(): return None")
        fields = ", ".join(f"{number}: f{number}" for number in numbers)
        tail.append(f"return Message(mti, {{{fields}}}, header, {wide})")
        inner = "\n        ".join([*head, *self._lines, *tail])
        errors = "(KeyError, IndexError, ValueError)"
        text = f"def parse(body, header):\n    try:\n        {inner}\n    except {errors}:\n        return None\n"
        exec(compile(text, "<parse plan>", "exec"), self._names)  # made of numbers and names above only
        plan: ParsePlan = self._names["parse"]  # type: ignore[assignment]  # the function just made
        return plan

    def _views(self) -> list[str]:
        spec = self._spec
        lines: list[str] = []
        shares_text = spec.mti_written == "text" and spec.mti_charset == self._charset
        if self._uses_text or shares_text:
            lines += self._text_view()
        if self._uses_hex or spec.mti_written == "bcd":
            lines.append("h = body.hex()")
        if spec.mti_written == "bcd":
            lines.append("mti = h[:4]")
        elif shares_text:
            lines.append("mti = t[:4]")
        else:
            self._names["decode_text"] = decode_text
            lines.append(f"mti = decode_text(body[:4], {spec.mti_charset!r})")
        lines.append("if not mti.isdecimal(): return None")
        return lines

    def _text_view(self) -> list[str]:
        if self._charset in TABLES:
            self._names["from_table"] = codecs_decode(self._charset)
            return ["t = from_table(body)"]
        if self._charset == "ascii" and not self._has_bytes:
            return ["t = body.decode('ascii')"]
        return ["t = body.decode('latin-1')"]


def codecs_decode(charset: str) -> Callable[[bytes], str]:
    """Bytes of an EBCDIC page as text, without a look at the page's name each time."""
    import codecs

    table = TABLES[charset]
    decode = codecs.charmap_decode
    return lambda data: decode(data, "strict", table)[0]


def _extend(spans: list[tuple[str, int, int]], view: str, first: int, last: int) -> None:
    """Add a span to be digits, joined to the one before where they touch."""
    if spans and spans[-1][0] == view and spans[-1][2] == first:
        spans[-1] = (view, spans[-1][1], last)
    else:
        spans.append((view, first, last))
