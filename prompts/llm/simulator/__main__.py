"""`python -m prompts.llm.simulator`: the simulated providers without Django."""

from __future__ import annotations

import argparse

from .cli import add_arguments, serve

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m prompts.llm.simulator", description=__doc__)
    add_arguments(parser)
    serve(parser.parse_args())
