"""The one door to AWS's client (boto3, the extra `aws`): a blocking call in a thread of its own, and its answer as a value.

Owns sessions, clients, time limits and whether a request has left this host. It must never decide what an answer leads to. The
traps: the client resends what got no answer unless it is told not to, and a promotion must not be sent twice; a thread cannot
be stopped, so a call that nobody waits for any more is refused at its last moment, before the first byte; threads are daemons,
or a silent AWS would hold up the end of the process; an endpoint of the environment is not taken, or whoever sets a variable
gets the signed requests; and the client is imported at the first call, so that a bank without AWS needs nothing of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from protocols.vocabulary import Secret
from relay.errors import ConfigurationError
from relay.failover.actions.aws import AwsService, trouble_of
from relay.failover.actions.port import ActionFailed, ActionRefused

if TYPE_CHECKING:
    from boto3.session import Session

Answer = TypeVar("Answer")
CONNECT_S: Final = 3.0
READ_S: Final = 10.0  # the longest silence of one answer
CALL_COUNT_MAX: Final = 24  # threads at once, those that nobody waits for any more among them
MISSING: Final = "AWS actions need the extra `aws` (boto3), and it is not installed."
INSTALL: Final = "pip install --require-hashes -r runtime-aws.lock (docs/install.md)"
_UNCONNECTED: Final = ("EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError")


class AwsKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key out of a credential file; without one the client looks in the environment, its files, and the instance's
    profile."""

    id: str
    secret: Secret
    token: Secret | None = None


class AwsAccess(msgspec.Struct, frozen=True, kw_only=True):
    """`endpoints`: addresses of services that are not AWS's public ones (VPC endpoints). `ca`: a file of authorities."""

    key: AwsKey | None = None
    profile: str | None = None
    endpoints: Mapping[str, str] = {}
    ca: str | None = None
    connect_s: float = CONNECT_S
    read_s: float = READ_S


class _Call:
    """Where one call is: given up by who waited for it, or sent."""

    def __init__(self) -> None:
        self.is_given_up = threading.Event()
        self.is_sent = False


class _GivenUp(Exception):
    """Nobody waits for it any more, and not one byte has left."""


class AwsDoor:
    """Fulfils AwsCall. Use from one event loop."""

    def __init__(self, access: AwsAccess) -> None:
        self._access = access
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._clients: dict[tuple[str, str], Any] = {}
        self._here = threading.local()
        self._live = 0

    async def __call__(
        self, service: AwsService, region: str, operation: str, asked: Mapping[str, object], kind: type[Answer]
    ) -> Answer:
        if self._live >= CALL_COUNT_MAX:
            raise ActionRefused(f"{self._live} calls to AWS are still waiting for an answer; this one was not made")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[object] = loop.create_future()
        call = _Call()

        def end(result: object, error: BaseException | None) -> None:
            self._live -= 1
            if future.cancelled():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        def work() -> None:
            result: object = None
            failure: BaseException | None = None
            try:
                result = self._ask(call, service, region, operation, asked)
            except (ActionFailed, ConfigurationError) as error:
                failure = error
            except Exception as error:  # noqa: BLE001  an answer on which the client itself stumbles, or a mistake of ours
                kind = ActionFailed if call.is_sent else ActionRefused
                failure = kind(f"{operation}: {type(error).__name__} in the client")
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(end, result, failure)

        threading.Thread(target=work, name=f"aws {operation}", daemon=True).start()
        self._live += 1
        try:
            told = await future
        except asyncio.CancelledError:
            call.is_given_up.set()
            raise
        try:
            return msgspec.convert(told, kind)
        except msgspec.ValidationError as error:
            raise ActionFailed(f"{operation}: AWS answered something else: {error}") from error

    # ---- in the thread -----------------------------------------------------------------------------------------------
    def _ask(self, call: _Call, service: str, region: str, operation: str, asked: Mapping[str, object]) -> object:
        self._here.call = call
        try:
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError as error:
            raise ConfigurationError(MISSING, INSTALL) from error
        try:
            method: Callable[..., object] = getattr(self._client(service, region), operation)
            return method(**asked)
        except ClientError as error:
            told = error.response
            answer, status = told.get("Error", {}), told.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            raise trouble_of(operation, status, str(answer.get("Code", "")), str(answer.get("Message", ""))) from error
        except _GivenUp as error:
            raise ActionRefused(f"{operation}: given up before it was sent") from error
        except (BotoCoreError, OSError, ValueError) as error:
            text = f"{operation}: {type(error).__name__}: {error}"[:300]
            if not call.is_sent or _is_unconnected(error):
                raise ActionRefused(f"{text} (nothing was sent)") from error
            raise ActionFailed(f"{text} (it may have worked)") from error

    def _client(self, service: str, region: str) -> Any:
        with self._lock:  # sessions and the making of clients are not for several threads; clients are
            found = self._clients.get((service, region))
            if found is None:
                found = self._clients[service, region] = self._made(service, region)
            return found

    def _made(self, service: str, region: str) -> Any:
        import boto3
        from botocore.config import Config

        access = self._access
        if self._session is None:
            key = access.key
            self._session = boto3.session.Session(
                aws_access_key_id=None if key is None else key.id,
                aws_secret_access_key=None if key is None else key.secret.reveal(),
                aws_session_token=None if key is None or key.token is None else key.token.reveal(),
                profile_name=access.profile,
            )
        config = Config(  # type: ignore[call-arg]  # the types lack a member that the client has
            connect_timeout=access.connect_s,
            read_timeout=access.read_s,
            retries={"total_max_attempts": 1, "mode": "standard"},
            ignore_configured_endpoint_urls=True,
            tcp_keepalive=True,
            user_agent_extra="relay-failover",
        )
        client: Any = self._session.client(  # type: ignore[call-overload]
            service, region_name=region, endpoint_url=access.endpoints.get(service), verify=access.ca, config=config
        )
        client.meta.events.register_last("before-send.*.*", self._before_send)
        return client

    def _before_send(self, **_: object) -> None:
        """The last moment before bytes leave; runs in the thread of its call."""
        call: _Call = self._here.call
        if call.is_given_up.is_set():
            raise _GivenUp
        call.is_sent = True


def _is_unconnected(error: Exception) -> bool:
    """Did the connection never come to stand? An error of TLS says so only where it is about the certificate."""
    return type(error).__name__ in _UNCONNECTED or "CERTIFICATE_VERIFY_FAILED" in str(error)
