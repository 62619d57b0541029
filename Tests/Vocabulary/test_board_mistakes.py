"""The mistakes that the node's own parser is tested with: the JSON Schema finds the same, as far as a schema can."""
import json

import pytest
from jsonschema import Draft202012Validator
from terms import REPOSITORY, VOCABULARY, read_json

VALIDATOR = Draft202012Validator(read_json(VOCABULARY / "board.schema.json"))
FIXTURES = REPOSITORY / "Tests" / "Fixtures" / "board"
BASE = (FIXTURES / "base.json").read_text()
# "schema" is null for what is no question for a schema: text that is not JSON, a key twice, what Python's $ matches.
MISTAKES = [mistake for mistake in read_json(FIXTURES / "mistakes.json") if mistake["schema"] is not None]


def test_the_base_is_valid():
    assert VALIDATOR.is_valid(json.loads(BASE))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake["mistake"])
def test_the_schema_finds_it_too(mistake):
    assert mistake["replace"] in BASE
    board = json.loads(BASE.replace(mistake["replace"], mistake["with"], 1))
    assert VALIDATOR.is_valid(board) is not mistake["schema"]
