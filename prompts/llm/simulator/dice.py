"""Seeded randomness: reproducible on purpose, and never near a secret."""

from __future__ import annotations

import random


def seeded(seed: int | str) -> random.Random:
    return random.Random(seed)  # noqa: S311
