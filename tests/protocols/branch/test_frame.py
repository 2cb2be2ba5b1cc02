"""The frame: four bytes that count what follows, and a limit that is checked before a byte is kept."""

import pytest

from protocols.branch.frame import FRAME_BYTES_MAX_DEFAULT, branch_framing
from protocols.errors import FrameError
from protocols.framing import FrameCutter
from tests.support.branchlink import BRANCH_P1, deposit, opening


def test_frames_are_cut_at_every_boundary() -> None:
    data = BRANCH_P1.codec.write(opening()) + BRANCH_P1.codec.write(deposit(1))
    for cut in range(len(data) + 1):
        cutter = FrameCutter(branch_framing())
        frames = cutter.feed(data[:cut]) + cutter.feed(data[cut:])
        assert [BRANCH_P1.codec.read(frame).message_type for frame in frames] == ["10", "20"]


@pytest.mark.parametrize(("length", "is_refused"), [(FRAME_BYTES_MAX_DEFAULT, False), (FRAME_BYTES_MAX_DEFAULT + 1, True)])
def test_the_limit(length: int, is_refused: bool) -> None:
    cutter = FrameCutter(branch_framing())
    if is_refused:
        with pytest.raises(FrameError):
            cutter.feed(length.to_bytes(4, "big"))
    else:
        cutter.feed(length.to_bytes(4, "big"))
    assert cutter.buffered_count <= 4
