"""Log lines as an event name and fields. The only door to stdlib logging."""

from __future__ import annotations

import logging


class Log:
    """`log.info("link opened", listener="atm", peer="10.0.0.1")`. Fields must not hold card data."""

    __slots__ = ("_logger",)

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"relay.{name}")

    def debug(self, event: str, **fields: object) -> None:
        self._logger.debug(event, extra={"fields": fields})

    def info(self, event: str, **fields: object) -> None:
        self._logger.info(event, extra={"fields": fields})

    def warning(self, event: str, **fields: object) -> None:
        self._logger.warning(event, extra={"fields": fields})

    def error(self, event: str, **fields: object) -> None:
        self._logger.error(event, extra={"fields": fields})

    def exception(self, event: str, **fields: object) -> None:
        self._logger.exception(event, extra={"fields": fields})


def get_log(name: str) -> Log:
    return Log(name)
