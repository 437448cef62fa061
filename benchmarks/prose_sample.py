"""Draw docstrings and printed sentences at random, for a reader who has not seen the code.

Each must be understood at first reading. A sample is good if at least 95 of 100 are.

Usage: python benchmarks/prose_sample.py --seed 0 --docstrings 60 --sentences 40
"""

import ast
import random
import re
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for name in ("fxkit", "preprocess") for path in (ROOT / name).rglob("*.py"))

MIN_WORDS = 5  # shorter texts are labels, not sentences


def main() -> None:
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--docstrings", type=int, default=60)
    parser.add_argument("--sentences", type=int, default=40)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
    docstrings = sorted(text for path, tree in trees.items() for text in find_docstrings(path, tree))
    sentences = sorted(text for path, tree in trees.items() for text in find_messages(path, tree))
    chosen = draw.sample(docstrings, arguments.docstrings) + draw.sample(sentences, arguments.sentences)
    for number, (where, text) in enumerate(chosen, start=1):
        sys.stdout.write(f"{number}. [{where}]\n{text}\n\n")


def find_docstrings(path: Path, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield place and docstring of every module, class and function that has one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
            yield f"{path.relative_to(ROOT)}: {getattr(node, 'name', 'module')}", text


def find_messages(path: Path, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield place and text of the messages that users read: errors, printed lines and help texts."""
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        for value in [*node.args, *(keyword.value for keyword in node.keywords)]:
            text = message_text(value) if id(value) not in documented else ""
            if len(re.findall(r"[A-Za-z]{2,}", text)) >= MIN_WORDS:
                yield f"{path.relative_to(ROOT)}: line {value.lineno}", text


def message_text(node: ast.expr) -> str:
    """Return a string literal; in an f-string, each value is shown as its expression in braces."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [
            f"{{{ast.unparse(part.value)}}}" if isinstance(part, ast.FormattedValue) else ast.literal_eval(part)
            for part in node.values
        ]
        return "".join(map(str, parts))
    return ""


if __name__ == "__main__":
    main()
