"""Sweeps that a test asks a running daemon for. It must never look into the daemon but through its control socket."""

from __future__ import annotations

import asyncio

from relay.control.client import ControlClient, Refused
from relay.control.commands import ReconcileNowArgs
from tests.support.daemonworld import PATIENCE_S, next_look


async def sweep_now(control: ControlClient, business_date: str) -> None:
    """Begin one as soon as none is under way: the relay begins some by itself, and one whose report is there still ends."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await asyncio.to_thread(control.reconcile_now, ReconcileNowArgs(business_date=business_date))
                return
            except Refused as error:
                if "under way" not in str(error):
                    raise
                await next_look()
