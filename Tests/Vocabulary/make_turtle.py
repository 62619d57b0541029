"""Prints vocab/vocabulary-1.jsonld as Turtle: `python Tests/Vocabulary/make_turtle.py > vocab/vocabulary-1.ttl` after every change of it."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from terms import MAUD, SCHEMA, Terms  # noqa: E402


def turtle():
    graph = Terms().graph
    graph.bind("maud", MAUD)
    graph.bind("schema", SCHEMA)
    return graph.serialize(format="turtle")


if __name__ == "__main__":
    print(turtle(), end="")
