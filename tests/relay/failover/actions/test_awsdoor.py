"""The door to AWS: sent once, given up before the first byte, never a key in its words, and nothing needed before it is
used."""

from __future__ import annotations

import asyncio
import builtins
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from relay.errors import ConfigurationError
from relay.failover.actions.aws import AwsDenied, AwsRefused
from relay.failover.actions.awsdoor import CALL_COUNT_MAX, AwsAccess, AwsDoor
from relay.failover.actions.port import ActionFailed, ActionRefused
from relay.failover.awscheck import AwsExaminer
from relay.failover.plan import parse_plan
from tests.support.awsproxy import AwsProxy, Fault
from tests.support.awsworld import KEY_ID, REGION, SECRET_KEY, door_to
from tests.support.failoverworld import sample_plan

ROOT = Path(__file__).resolve().parents[4]


class Identity(msgspec.Struct, rename="pascal"):
    account: str


async def ask(door: AwsDoor) -> Identity:
    return await door("sts", REGION, "get_caller_identity", {}, Identity)


async def test_an_answer_comes_back_as_a_value(door: AwsDoor, proxy: AwsProxy) -> None:
    assert await ask(door) == Identity("123456789012")
    with pytest.raises(ActionFailed, match="answered something else"):
        await door("sts", REGION, "get_caller_identity", {}, list[int])


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("throttle", ActionRefused),
        ("deny", AwsDenied),
        ("signature", AwsDenied),
        ("expired", AwsRefused),
        ("error", ActionFailed),
        ("drop", ActionFailed),
        ("lose", ActionFailed),
        ("garbage", ActionFailed),
        ("html", ActionFailed),
    ],
)
async def test_it_is_sent_once_whatever_comes_back_and_no_secret_is_told(
    door: AwsDoor, proxy: AwsProxy, fault: Fault, kind: type[ActionFailed], capfd: pytest.CaptureFixture[str]
) -> None:
    proxy.goes_wrong("GetCallerIdentity", fault)
    with pytest.raises(kind) as caught:
        await ask(door)
    if kind is ActionFailed:
        assert not isinstance(caught.value, ActionRefused)
    assert proxy.asked["GetCallerIdentity"] == 1
    told = f"{caught.value!r} {caught.value} {''.join(capfd.readouterr())}"
    assert not any(secret in told for secret in (KEY_ID, SECRET_KEY, "canary"))


async def test_iam_is_asked_what_may_be_done(door: AwsDoor, proxy: AwsProxy) -> None:
    proxy.may = {"ecs:UpdateService": "implicitDeny"}
    findings = await AwsExaminer(door).examine(parse_plan(sample_plan("unplanned-aws")))
    assert [one.where for one in findings if "may not" in one.problem] == ["scale-up"]
    assert ("arn:aws:sts::123456789012:user/moto", "rds:FailoverGlobalCluster") in proxy.simulated


async def test_where_nobody_listens_nothing_was_sent() -> None:
    with pytest.raises(ActionRefused, match="nothing was sent"):
        await ask(door_to("http://127.0.0.1:9"))


async def test_what_the_client_itself_refuses_was_not_sent(door: AwsDoor, proxy: AwsProxy) -> None:
    with pytest.raises(ActionRefused, match="nothing was sent"):
        await door("rds", REGION, "failover_global_cluster", {"AllowDataLoss": True}, Identity)
    assert not proxy.asked


async def test_a_call_that_nobody_waits_for_any_more_does_not_leave(proxy: AwsProxy) -> None:
    """The step's time is over while the client is still being made, or looks for a key: what it would do must not land
    later."""
    begun, go = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    class Slow(AwsDoor):
        def _made(self, service: str, region: str) -> object:
            made = super()._made(service, region)
            loop.call_soon_threadsafe(begun.set)
            asyncio.run_coroutine_threadsafe(go.wait(), loop).result(120)
            return made

    task = asyncio.ensure_future(ask(Slow(door_to(proxy.url)._access)))
    await asyncio.wait_for(begun.wait(), 120)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    calling = [thread for thread in threading.enumerate() if thread.name == "aws get_caller_identity"]
    assert calling
    go.set()
    for thread in calling:
        await asyncio.to_thread(thread.join, 30)
    assert proxy.asked["GetCallerIdentity"] == 0


async def test_calls_that_hang_are_counted_and_at_last_none_is_made(proxy: AwsProxy) -> None:
    door = door_to(proxy.url)
    proxy.goes_wrong("GetCallerIdentity", *["hang"] * CALL_COUNT_MAX)
    tasks = [asyncio.ensure_future(ask(door)) for _ in range(CALL_COUNT_MAX)]
    await asyncio.wait_for(proxy.heard("GetCallerIdentity", CALL_COUNT_MAX), 120)
    with pytest.raises(ActionRefused, match="still waiting"):
        await ask(door)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_without_the_extra_people_are_told_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    true_import = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name.partition(".")[0] in ("boto3", "botocore"):
            raise ImportError(name)
        return true_import(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigurationError, match="extra `aws`"):
        await ask(door_to("http://127.0.0.1:9"))


async def test_an_endpoint_of_the_environment_is_not_taken(proxy: AwsProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    plain = AwsDoor(AwsAccess(key=door_to(proxy.url)._access.key))
    assert plain._made("sts", REGION).meta.endpoint_url == f"https://sts.{REGION}.amazonaws.com"


def test_who_speaks_to_no_aws_imports_nothing_of_it() -> None:
    code = "import sys, relay.orchestrator.serve; sys.exit(any(name.startswith('boto') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
