"""Average two shipped readers, weight by weight, into a third.

    python average.py --first DIR --second DIR --out DIR

The second must have been trained on from the first.  Their mean keeps more of what the first
could do at lengths that the second saw little of.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from export import read_weights, write_config, write_weights
from network import Reader, load_hub_state


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--first", type=Path, required=True)
    parser.add_argument("--second", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    first, second = read_weights(args.first), read_weights(args.second)
    reader = Reader()
    load_hub_state(reader, {name: (first[name] + second[name]) / 2 for name in first})
    args.out.mkdir(parents=True, exist_ok=True)
    write_weights(reader, args.out)
    write_config(reader.shape, args.out)


if __name__ == "__main__":
    main()
