"""What a worker that calls models does before it starts."""

from __future__ import annotations

from typing import Any

from celery.signals import worker_init

from prompts import gateway


@worker_init.connect(weak=False)
def _preload(**_: Any) -> None:
    """In the parent, so that its children share the memory and none of them pays for it again."""
    gateway.preload()
