"""How fast the machine is just now. One that others share changes by a third within minutes, which is nobody's cost."""

import gc
import json
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import mean

EVERY = 0.5  # seconds


class Yardstick:
    """`ms` is known when it has been put away: milliseconds of CPU that the piece of work cost, on the average."""

    ms = 0.0


@contextmanager
def yardstick() -> Iterator[Yardstick]:
    """The same piece of work again and again, for some hundredths of a core, in a process that does nothing else:
    what this one holds in memory makes no difference to it."""
    laid = Yardstick()
    with subprocess.Popen(
        [sys.executable, "-I", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield laid
        finally:
            said, _ = process.communicate()
    laid.ms = float(said)


def _lay(text: str) -> float:
    """Objects made and written, as by whoever speaks JSON; how long that took, in seconds of CPU."""
    began = time.process_time()
    json.dumps(json.loads(text))
    return time.process_time() - began


def _keep_laying() -> float:
    gc.disable()
    text = json.dumps([{"id": number, "name": f"Brand {number}", "words": ["a", "b"] * 8} for number in range(1_500)])
    costs = [_lay(text) for _ in range(3)]
    while not select.select([sys.stdin], [], [], EVERY)[0]:
        costs.append(_lay(text))
    return mean(costs) * 1000


if __name__ == "__main__":
    print(_keep_laying())
