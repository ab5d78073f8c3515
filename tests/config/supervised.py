"""A supervisor on its own, run as a program by the tests: `supervised.py <folder> <foreground command...>`."""

import sys
from pathlib import Path

from config.supervisor import LogFiles, Supervisor, child_environment


def main(folder: Path, foreground: list[str]) -> int:
    stop_after = foreground[0] == "--stop-after"
    command = foreground[1:] if stop_after else foreground
    supervisor = Supervisor(
        logs=LogFiles(folder / "logs"), environment=child_environment(), foreground=command, stop_after=stop_after
    )
    code = supervisor.run(folder / "Procfile")
    print("crashed:", ",".join(supervisor.crashed()), flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
