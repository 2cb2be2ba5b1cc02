"""A stranger's AWS (moto) as a process of its own on a free port, with the two calls of a global database that it lacks.

`python -m tests.support.awsmoto PORT` is that process. Owns its start, its end, and the missing calls: they move the writer as
the real ones do, and for `LOOKS` looks the failover is seen going on. It must never inject a fault: tests/support/awsproxy.py
stands before it and does. The trap: moto keeps what is global in us-east-1, and deletes records that are not as was said, so
compare-and-swap is the proxy's, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.daemonworld import held_port

ROOT = Path(__file__).resolve().parents[2]
START_S = 150.0  # it imports half of AWS, and each worker of a test run has one that begins
LOOKS = 2


class MotoProcess:
    """Running from the moment it is made, until `close`."""

    def __init__(self) -> None:
        with held_port() as held:
            self.port = int(held.getsockname()[1])
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.awsmoto", str(self.port)],
                cwd=ROOT,
                stdin=subprocess.PIPE,  # its end tells the process that we are gone, however we went
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self._await_answer()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _await_answer(self) -> None:
        end = time.monotonic() + START_S
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/moto-api/data.json", timeout=START_S).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > end:
                    self.close()
                    raise
                try:
                    self._process.wait(0.1)
                except subprocess.TimeoutExpired:
                    continue

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.kill()
        self._process.wait(10)


def _serve(port: int) -> None:
    from moto.core.responses import ActionResult
    from moto.rds.responses import RDSResponse
    from moto.server import main

    going: dict[str, int] = {}

    def move(self: Any, state: str) -> Any:
        cluster = self.global_backend.global_clusters[self.params["GlobalClusterIdentifier"]]
        target = self.params["TargetDbClusterIdentifier"]
        arns = [member.db_cluster_arn for member in cluster.members]
        if target not in arns:
            raise AssertionError(f"{target} is no member")
        writer = next(member.db_cluster_arn for member in cluster.members if member.is_writer)
        cluster.moves = getattr(cluster, "moves", 0) + 1
        cluster.failover_state = {"Status": state, "FromDbClusterArn": writer, "ToDbClusterArn": target}
        going[cluster.global_cluster_identifier] = LOOKS
        return ActionResult({"GlobalCluster": cluster})

    def describe(self: Any) -> Any:
        clusters = self.global_backend.describe_global_clusters()
        for cluster in clusters:
            name = cluster.global_cluster_identifier
            if name in going and (going.__setitem__(name, going[name] - 1) or going[name] < 0):
                target = cluster.failover_state["ToDbClusterArn"]
                for member in cluster.members:
                    member.is_writer = member.db_cluster_arn == target
                del going[name], cluster.failover_state
        return ActionResult({"GlobalClusters": clusters})

    RDSResponse.failover_global_cluster = lambda self: move(self, "failing-over")  # type: ignore[attr-defined]
    RDSResponse.switchover_global_cluster = lambda self: move(self, "pending")  # type: ignore[attr-defined]
    RDSResponse.describe_global_clusters = describe  # type: ignore[method-assign]
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    main(["-p", str(port)])


def _end_with_the_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
