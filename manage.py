#!/usr/bin/env python
"""Command line of the site."""

import os
import sys

# These work without services, as a build machine has none.
SERVICELESS = {
    "",
    "check",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "help",
    "makemessages",
    "simulate_providers",
    "version",
}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config.startup import prepare_demo, refuse_busy_ports, require_services, set_up

    command = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), "")
    if command == "demo":
        prepare_demo()
        if "--story" not in sys.argv:
            refuse_busy_ports()
    if command not in SERVICELESS:
        require_services()
    set_up()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
