"""Serve the simulated providers."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from prompts.llm.simulator.cli import add_arguments, serve


class Command(BaseCommand):
    help = "Serves local stand-ins for OpenAI, Anthropic, Google, Perplexity and compatible providers."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        serve(argparse.Namespace(**options))
