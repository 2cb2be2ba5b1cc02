"""Everybody in this process who speaks to the core: this center's own client, and one per journal that is at work here in
another center's name.

Owns what is true of all of them at once: a new region epoch begins for every one, and a seal has to hear that none has a call
under way. It must never make a call. The trap: the regions and the seal know of one client, their own; a word of an adopted
journal that was under way when a seal was acknowledged would be posted into a region that is being left.
"""

from __future__ import annotations

from relay.core.client import CoreClient


class Clients:
    """`own` is this center's. Others are added when they are made, and forgotten when they have nothing under way any more and
    another one is added. `epoch` is the ratchet at the start: without it the first rise in a life in which nothing was posted
    yet would retire no connection."""

    def __init__(self, own: CoreClient, epoch: int = 0) -> None:
        self._all = [own]
        self._epoch = epoch
        if epoch:
            own.epoch_began(epoch)

    def add(self, client: CoreClient) -> None:
        """In the epoch of all the others."""
        own, *others = self._all
        self._all = [own, *(other for other in others if other.asking), client]
        if self._epoch:
            client.epoch_began(self._epoch)

    def epoch_began(self, epoch: int) -> None:
        self._epoch = max(self._epoch, epoch)
        for client in self._all:
            client.epoch_began(epoch)

    def count_below(self, epoch: int) -> int:
        """Calls under way in an epoch below `epoch`, of all of them."""
        return sum(client.count_below(epoch) for client in self._all)

    def end_below(self, epoch: int) -> None:
        for client in self._all:
            client.end_below(epoch)
