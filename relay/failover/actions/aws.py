"""What all AWS actions share: the call as a port, and what an error of AWS means for an effect.

Owns that meaning. It must never import AWS's client: relay/failover/actions/awsdoor.py is its one door. The traps: a call that
got no answer may have worked, and so may one that was answered by a 5xx, so both are *unknown* and only the next look decides;
a throttled call surely did nothing and is tried again; a denied one is for people, and a look that is denied is no "not there";
what AWS says of a wrong signature quotes the request with its session token, so those words are never passed on; and nothing is
ever sent twice by the client itself, which by default would.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Final, Literal, Protocol, TypeAlias, TypeVar

from relay.failover.actions.port import ActionFailed, ActionRefused, Look, Sight

AwsService: TypeAlias = Literal["route53", "rds", "elbv2", "ecs", "iam", "sts"]
Answer = TypeVar("Answer")
WORDS_CHARS_MAX: Final = 300


class AwsCall(Protocol):
    async def __call__(
        self, service: AwsService, region: str, operation: str, asked: Mapping[str, object], kind: type[Answer]
    ) -> Answer:
        """One call of `operation` (in the client's spelling), once; its answer as `kind`. Raises ActionRefused or one of its
        kinds below where it surely had no effect, ActionFailed where nobody knows, ConfigurationError without the client."""
        ...


class AwsRefused(ActionRefused):
    """AWS said no before it did anything; `code` is its own word for why."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class AwsThrottled(AwsRefused):
    """Too many calls; tried again."""


class AwsDenied(AwsRefused):
    """Not permitted, or not known: a person has to do something."""


_THROTTLED: Final = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "PriorRequestNotComplete",
    }
)
_DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "UnauthorizedOperation",
        "NotAuthorized",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "OptInRequired",
        "KMSAccessDeniedFault",
    }
)
_SIGNATURE: Final = frozenset(
    {
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "RequestExpired",
        "RequestTimeTooSkewed",
    }
)
_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException"})
_NOBODY_KNOWS: Final = frozenset({"RequestTimeout", "RequestTimeoutException", "InternalFailure", "InternalError"})


def trouble_of(operation: str, status: int, code: str, text: str) -> ActionFailed:
    """What an error answer of AWS means: `status` of HTTP, AWS's `code` and `text`. Pure."""
    said = f"{operation}: {code}: {_clean(text)}"[:WORDS_CHARS_MAX]
    if code in _THROTTLED or (status == 429 and code):
        return AwsThrottled(code, f"{said} (nothing was done; it is tried again)")
    if code in _SIGNATURE:
        return AwsDenied(
            code, f"{operation}: {code}: AWS does not take the signature: the secret key or this host's clock is wrong"
        )
    if code in _EXPIRED:
        return AwsRefused(code, f"{operation}: {code}: the session's credentials are over")
    if code in _DENIED:
        return AwsDenied(code, f"{said} (a person has to permit it)")
    if code in _NOBODY_KNOWS or not 400 <= status < 500 or status == 408 or not code or code.isdecimal():
        return ActionFailed(f"{said} (status {status}; it may have worked)")
    return AwsRefused(code, said)


def _clean(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


async def seen(looking: Awaitable[Look]) -> Look:
    """A look in which a denial is told to people at once and not waited out. Raises ActionFailed for the rest: unknown."""
    try:
        return await looking
    except AwsDenied as error:
        return Look(Sight.FAILED, str(error))
