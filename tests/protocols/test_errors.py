"""Blame is part of the error: ours names the setting, the peer's names field, offset and expectation, never the value."""

from protocols.errors import FieldError, FrameError, LocalMisuse, PeerViolation, ProtocolError


def test_the_two_families_are_apart() -> None:
    assert issubclass(FieldError, PeerViolation)
    assert issubclass(FrameError, PeerViolation)
    assert not issubclass(LocalMisuse, PeerViolation)
    assert issubclass(LocalMisuse, ProtocolError)


def test_a_field_error_says_where_and_what_was_expected() -> None:
    error = FieldError("35", 82, "at most 37 digits", partial="so far")
    assert str(error) == "field 35 at offset 82: expected at most 37 digits"
    assert error.partial == "so far"


def test_a_frame_error_says_how_far_into_the_unread_bytes() -> None:
    assert str(FrameError("length 9999 is over the maximum", 4)) == "length 9999 is over the maximum (offset 4)"


def test_our_own_misuse_names_the_setting() -> None:
    assert str(LocalMisuse("must be positive", "fields.54.max")) == "fields.54.max: must be positive"
    assert str(LocalMisuse("must be positive")) == "must be positive"
