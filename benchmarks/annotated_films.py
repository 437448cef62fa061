#!/usr/bin/env python3
"""Write a CSV of the forearm films with annotated markers: 123 originals and 492 copies of them.

usage: annotated_films.py ../shared/data/forearm OUT.csv [--originals]
"""

import argparse
import csv
import json
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("forearm", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--originals", action="store_true", help="only originals, no copies")
    arguments = parser.parse_args()
    names = ["markers_originals.json"] + ([] if arguments.originals else ["markers_copies.json"])
    rows = [row for name in names for row in json.loads((arguments.forearm / name).read_text())]
    with arguments.out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "patient"])
        writer.writerows([row["path"], row["label"], row["patient"]] for row in rows)
    print(f"{arguments.out}: {len(rows)} films")


if __name__ == "__main__":
    main()
