"""On the path of a process under test: its wall clock is off by CLOCK_OFF_BY seconds, from its first line on."""

import os
from datetime import UTC, datetime, timedelta

import time_machine

time_machine.travel(datetime.now(UTC) + timedelta(seconds=float(os.environ["CLOCK_OFF_BY"])), tick=True).start()
