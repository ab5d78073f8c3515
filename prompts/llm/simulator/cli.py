"""Command-line options, shared by `python -m prompts.llm.simulator` and the management command."""

from __future__ import annotations

import argparse
from pathlib import Path

from .options import BadOption, Options
from .server import Unavailable, run
from .world import World


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8399)
    parser.add_argument("--world", type=Path, help="a world file; default: the demo's")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds to a whole answer")
    parser.add_argument("--latency-jitter", type=float, default=0.0, help="sigma of a lognormal around the latency")
    parser.add_argument("--batch-seconds", type=float, default=0.0, help="seconds that a batch takes")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--day", type=int, help="simulated day since the world's epoch; default: today")
    parser.add_argument(
        "--limits",
        action="append",
        default=[],
        metavar="PROVIDER=REQUESTS[:TOKENS]",
        help="per minute, for each key and model; repeatable, or with commas: openai=5000:2000000,google=10",
    )


def serve(arguments: argparse.Namespace) -> None:
    """Run until interrupted; a wrong argument or a busy port ends the process with one line."""
    try:
        options = Options(
            seed=arguments.seed,
            day=arguments.day,
            latency=arguments.latency,
            latency_jitter=arguments.latency_jitter,
            batch_seconds=arguments.batch_seconds,
        ).updated({"limits": parse_limits(arguments.limits)})
        world = World.load(arguments.world) if arguments.world else None
        run(host=arguments.host, port=arguments.port, world=world, options=options)
    except (BadOption, Unavailable, OSError) as error:
        raise SystemExit(str(error)) from error
    except KeyboardInterrupt:
        return


def parse_limits(texts: list[str]) -> dict[str, dict[str, int | None]]:
    """`openai=5000:2000000,google=10` -> requests and tokens per minute."""
    limits: dict[str, dict[str, int | None]] = {}
    for text in ",".join(texts).split(","):
        if not text:
            continue
        provider, _, numbers = text.partition("=")
        requests, _, tokens = numbers.partition(":")
        try:
            limits[provider.strip()] = {
                "requests": int(requests) if requests else None,
                "tokens": int(tokens) if tokens else None,
            }
        except ValueError as error:
            raise BadOption(f"cannot read the limit {text!r}; expected provider=requests:tokens") from error
    return limits
