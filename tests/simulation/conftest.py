"""What every simulated test does with the log and the collector.

Owns `quiet`. The trap: a peer that is cancelled in the middle of a call leaves its end of the line to the collector, which
warns of it; so it is collected at the latest while that test's filter of warnings holds.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import pytest

from tests.simulation.longrun import RARELY


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of simulated failures log thousands of lines; and lives that are gone are looked for as rarely as in a long
    run, or a tenth of each history goes to searching."""
    usual = gc.get_threshold()
    logging.disable(logging.CRITICAL)
    gc.set_threshold(*RARELY)
    yield
    gc.collect()
    gc.set_threshold(*usual)
    logging.disable(logging.NOTSET)
