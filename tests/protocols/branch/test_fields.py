"""The tables hang together: 160 bytes of header, a body for every type, an answer for every question."""

from protocols.branch.fields import ANSWER_OF, ANSWERS, BODIES, BODY_OF_TYPE, HEADER, LENGTH_BYTES, NUMBERED, OPERATIONS
from protocols.vocabulary import DoubtPolicy


def test_the_header_ends_at_160() -> None:
    assert LENGTH_BYTES + sum(field.length for field in HEADER) == 160


def test_every_type_has_a_body_and_every_answer_answers() -> None:
    assert {name for name in BODY_OF_TYPE.values() if name} <= set(BODIES)
    assert set(ANSWER_OF) | ANSWERS | NUMBERED <= set(BODY_OF_TYPE)
    assert set(ANSWER_OF.values()) == ANSWERS
    assert [kind for kind, body in BODY_OF_TYPE.items() if body is None] == ["20", "40"]


def test_every_operation_names_a_body_and_a_policy_that_fits_its_cash() -> None:
    for code, (_, body, cash, doubt, completion) in OPERATIONS.items():
        assert len(code) == 5
        assert body in BODIES
        assert DoubtPolicy(doubt) is not DoubtPolicy.UNDO or cash != "in", "notes in the till are never undone"
        assert not completion or cash == "out"


def test_what_must_not_be_shown_is_marked() -> None:
    hidden = {field.name for fields in BODIES.values() for field in fields if field.secret or field.pan}
    assert hidden == {"pin_block", "pan"}
