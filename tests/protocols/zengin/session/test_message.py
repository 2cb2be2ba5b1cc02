"""The three messages: values that compare and cannot be changed."""

from __future__ import annotations

import pytest

from protocols.zengin.session.message import DeliveryMessage, Information, Path, Watch


def test_messages_are_values() -> None:
    path = Path(1, 2, 3)
    assert Information(path, 1, b"x") == Information(Path(1, 2, 3), 1, b"x")
    assert DeliveryMessage(path, 1, True) != DeliveryMessage(path, 1, False)
    assert Watch() == Watch()
    with pytest.raises(AttributeError):
        path.lcn = 4  # type: ignore[misc]  # that is the point
