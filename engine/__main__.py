"""`python -m sa_chat.engine`: the engine's process."""

import sys

from .server.host import parse, run

if __name__ == "__main__":
    sys.exit(run(parse()))
