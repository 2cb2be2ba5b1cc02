"""What an error of AWS means for an effect: surely nothing, for people, or nobody knows."""

from __future__ import annotations

import pytest

from relay.failover.actions.aws import AwsDenied, AwsRefused, AwsThrottled, seen, trouble_of
from relay.failover.actions.port import ActionFailed, Look, Sight


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "Throttling", AwsThrottled),
        (400, "PriorRequestNotComplete", AwsThrottled),
        (429, "SlowDown", AwsThrottled),
        (403, "AccessDenied", AwsDenied),
        (400, "AccessDeniedException", AwsDenied),
        (403, "SignatureDoesNotMatch", AwsDenied),
        (403, "ExpiredToken", AwsRefused),
        (400, "InvalidGlobalClusterStateFault", AwsRefused),
        (400, "InvalidChangeBatch", AwsRefused),
        (404, "DBClusterNotFoundFault", AwsRefused),
        (400, "RequestTimeout", ActionFailed),
        (408, "Strange", ActionFailed),
        (500, "InternalFailure", ActionFailed),
        (503, "ServiceUnavailable", ActionFailed),
        (403, "403", ActionFailed),  # a middlebox, whose word is no word of AWS
        (403, "", ActionFailed),
        (0, "Something", ActionFailed),
    ],
)
def test_each_code_means_one_thing(status: int, code: str, kind: type[ActionFailed]) -> None:
    assert type(trouble_of("op", status, code, "text")) is kind


def test_what_is_said_of_a_signature_is_not_passed_on_and_other_words_are_bounded() -> None:
    assert "canary" not in str(trouble_of("op", 403, "SignatureDoesNotMatch", "x-amz-security-token:canary"))
    said = str(trouble_of("op", 400, "Strange", "a\nb\x1b[31m" + "x" * 5_000))
    assert "\n" not in said
    assert "\x1b" not in said
    assert len(said) <= 300


async def test_a_denied_look_is_told_at_once_and_any_other_trouble_is_waited_out() -> None:
    async def look(error: Exception | None) -> Look:
        if error is not None:
            raise error
        return Look(Sight.DONE)

    assert await seen(look(None)) == Look(Sight.DONE)
    assert await seen(look(AwsDenied("AccessDenied", "no"))) == Look(Sight.FAILED, "no")
    with pytest.raises(AwsThrottled):
        await seen(look(AwsThrottled("Throttling", "later")))
