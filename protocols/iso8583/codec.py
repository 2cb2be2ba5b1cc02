"""Bytes of one message to an `IsoMessage` and back, for one dialect.

Owns the order of things: type, bitmaps, elements, end. Two ways lead through it. The precise one walks the elements one by
one and says exactly what is wrong where. The fast one runs a plan compiled for one bitmap (`parse_plan.py`, `build_plan.py`)
and gives up, saying nothing, whenever anything is unusual; then the precise one decides. So a plan is right or absent. The
traps: a peer chooses the bitmaps, hence plans are compiled only for those seen often, and their number is bounded; nothing may
follow the last element; no error holds a value.
"""

from __future__ import annotations

from typing import NamedTuple

from protocols.errors import FieldError, LocalMisuse
from protocols.iso8583.bitmap import bits_of, numbers_of, read_bitmaps, read_map, write_bitmaps, write_map
from protocols.iso8583.build_plan import BuildPlan, compile_build
from protocols.iso8583.elements import read_field, write_field
from protocols.iso8583.message import IsoMessage, Value
from protocols.iso8583.parse_plan import ParsePlan, compile_parse
from protocols.iso8583.plan_cache import PLAN_AFTER_COUNT, PlanCache
from protocols.iso8583.spec import Spec
from protocols.primitives import decode_text, encode_text


class Place(NamedTuple):
    """One part of a message for tools: `field` is "mti", "bitmap" or a number; offset and length in bytes."""

    field: str
    offset: int
    length: int
    value: Value


class Scan(NamedTuple):
    """What a message holds as far as it could be read, and why not further."""

    places: list[Place]
    message: IsoMessage | None
    error: FieldError | None


def compile_codec(spec: Spec, *, plan_after_count: int = PLAN_AFTER_COUNT) -> Codec:
    """The codec of a dialect. `plan_after_count` is how often a bitmap is seen before a plan is compiled for it."""
    return Codec(spec, plan_after_count)


class Codec:
    """Decodes and encodes messages of one dialect. Holds no state but its plans, by bitmap and by set of elements."""

    __slots__ = ("_build_plans", "_head", "_parse_plans", "_primary", "_wide_head", "spec")

    def __init__(self, spec: Spec, plan_after_count: int = PLAN_AFTER_COUNT) -> None:
        self.spec = spec
        self._primary = spec.mti_bytes
        self._head = spec.mti_bytes + spec.map_bytes
        self._wide_head = self._head + spec.map_bytes
        self._parse_plans: PlanCache[bytes, ParsePlan] = PlanCache(plan_after_count)
        self._build_plans: PlanCache[tuple[int, ...], BuildPlan] = PlanCache(plan_after_count)

    def decode(self, body: bytes, header: bytes = b"") -> IsoMessage:
        """The message in `body`, the whole of it.

        Raises FieldError with field, offset, expectation and, in `partial`, what was decoded so far.
        """
        plans = self._parse_plans
        plan = plans.get(body[self._primary : self._head]) or plans.get(body[self._primary : self._wide_head])
        if plan is not None:
            message = plan(body, header)
            if message is not None:
                return message
        message = self._walk(body, header, None)
        if plan is None:
            self._note_parse(body, message)
        return message

    def encode(self, message: IsoMessage) -> bytes:
        """The bytes of a message, without its header. Raises LocalMisuse, with the path of the element at fault."""
        fields = message.fields
        key = tuple(fields)
        plan = self._build_plans.get(key)
        if plan is not None and not message.wide:
            body = plan(message.mti, fields)
            if body is not None:
                return body
        body = self._build(message)
        if plan is None and not message.wide:
            self._note_build(key)
        return body

    def decode_with_offsets(self, body: bytes) -> list[Place]:
        """Every part of the message with its place. Raises FieldError as `decode` does."""
        places: list[Place] = []
        self._walk(body, b"", places)
        return places

    def scan(self, body: bytes, header: bytes = b"") -> Scan:
        """Like `decode_with_offsets`, but an error is a value and what came before it is kept: for tools."""
        places: list[Place] = []
        try:
            return Scan(places, self._walk(body, header, places), None)
        except FieldError as error:
            return Scan(places, error.partial, error)

    # ---- the precise way ------------------------------------------------------------------------------------------------
    def _walk(self, body: bytes, header: bytes, places: list[Place] | None) -> IsoMessage:
        spec = self.spec
        mti = self._read_mti(body)
        fields: dict[int, Value] = {}
        wide = False
        try:
            bitmaps = read_bitmaps(spec, body, spec.mti_bytes)
            wide = bitmaps.wide
            if places is not None:
                places.append(Place("mti", 0, spec.mti_bytes, mti))
                places.append(Place("bitmap", spec.mti_bytes, bitmaps.end - spec.mti_bytes, body[spec.mti_bytes : bitmaps.end]))
            at = bitmaps.end
            numbers = list(bitmaps.numbers)
            for number in numbers:  # a third map inside an element makes the list longer while it is walked
                if number == spec.third_bitmap:
                    third = read_map(spec, body, at)
                    if third >> 63 or not third:
                        raise FieldError(str(number), at, "a third map that is not empty and announces no fourth")
                    value: Value = body[at : at + spec.map_bytes]
                    end = at + spec.map_bytes
                    numbers += numbers_of(third, 129)
                else:
                    field = spec.fields.get(number)
                    if field is None:
                        raise FieldError(str(number), at, "no such element: this dialect does not carry it")
                    value, end = read_field(field, body, at)
                    fields[number] = value
                if places is not None:
                    places.append(Place(str(number), at, end - at, value))
                at = end
            if at != len(body):
                raise FieldError("end", at, f"nothing more, {len(body) - at} bytes follow")
        except FieldError as error:
            error.partial = IsoMessage(mti, fields, header, wide)
            raise
        return IsoMessage(mti, fields, header, wide)

    def _read_mti(self, body: bytes) -> str:
        spec = self.spec
        data = body[: spec.mti_bytes]
        if len(data) < spec.mti_bytes:
            raise FieldError("mti", 0, f"{spec.mti_bytes} bytes, {len(data)} left")
        try:
            mti = data.hex() if spec.mti_written == "bcd" else decode_text(data, spec.mti_charset)
        except UnicodeDecodeError:
            mti = ""
        if not mti.isdecimal():
            raise FieldError("mti", 0, "four digits")
        return mti

    def _build(self, message: IsoMessage) -> bytes:
        spec = self.spec
        mti = message.mti
        if len(mti) != 4 or not (mti.isascii() and mti.isdecimal()):
            raise LocalMisuse("four digits are wanted", "mti")
        written: dict[int, bytes] = {}
        for number in sorted(message.fields):
            field = spec.fields.get(number)
            if field is None:
                raise LocalMisuse("no such element in this dialect; bit 1 and the maps belong to the codec", f"fields.{number}")
            written[number] = write_field(field, message.fields[number])
        if spec.third_bitmap > 1 and written and max(written) > 128:
            written[spec.third_bitmap] = write_map(spec, bits_of(written, 129))
        start = bytes.fromhex(mti) if spec.mti_written == "bcd" else encode_text(mti, spec.mti_charset)
        maps = write_bitmaps(spec, written, message.wide)
        return start + maps + b"".join(written[number] for number in sorted(written))

    # ---- when to compile ------------------------------------------------------------------------------------------------
    def _note_parse(self, body: bytes, message: IsoMessage) -> None:
        numbers = tuple(message.fields)
        if numbers and numbers[-1] > 128:
            return  # third maps are rare and stay with the precise way
        end = read_bitmaps(self.spec, body, self._primary).end
        key = body[self._primary : end]
        if self._parse_plans.is_due(key):
            plan = compile_parse(self.spec, numbers, end, message.wide)
            if plan is not None:
                self._parse_plans.keep(key, plan)

    def _note_build(self, key: tuple[int, ...]) -> None:
        if self._build_plans.is_due(key) and (not key or max(key) <= 128):
            plan = compile_build(self.spec, key, write_bitmaps(self.spec, key, False))
            if plan is not None:
                self._build_plans.keep(key, plan)
