"""board.schema.json, and every board.json there is."""
import copy

import pytest
from jsonschema import Draft202012Validator
from terms import MAUD, REPOSITORY, VOCABULARY, SCHEMA, Terms, read_json
from rdflib import RDF

MODEL = read_json(VOCABULARY / "board.schema.json")
VALIDATOR = Draft202012Validator(MODEL)
BOARDS = sorted(REPOSITORY.glob("boards/*/board.json")) + [VOCABULARY / "examples" / "board-greenhouse.json"]
GREENHOUSE = read_json(VOCABULARY / "examples" / "board-greenhouse.json")


def test_the_model_is_a_json_schema():
    Draft202012Validator.check_schema(MODEL)


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.parent.name)
def test_boards_are_valid(path):
    board = read_json(path)
    assert [error.message for error in VALIDATOR.iter_errors(board)] == []
    things = board.get("sensors", []) + board.get("actuators", [])
    assert len({thing["name"] for thing in things}) == len(things)
    for thing in things:
        assert thing.get("minimum", 0) < thing.get("maximum", 1)
        for key in ("minimum", "maximum", "marginOfError", "deadBand", "step", "safe"):
            digits = thing.get("decimals", 3 if thing in board["sensors"] else 0)
            assert round(thing.get(key, 0), digits) == thing.get(key, 0), (thing["name"], key)


@pytest.mark.parametrize("path", sorted(REPOSITORY.glob("boards/*/")), ids=lambda path: path.name)
def test_every_board_has_its_readme(path):
    assert (path / "board.json").is_file()
    assert (path / "README.md").read_text().startswith(f"# {path.name}\n")


def test_every_kind_of_source_has_an_example():
    kinds = {MODEL["$defs"][ref["$ref"].rsplit("/", 1)[1]]["properties"]["type"]["const"] for ref in MODEL["$defs"]["source"]["oneOf"]}
    assert {sensor["source"]["type"] for sensor in GREENHOUSE["sensors"]} == kinds
    targets = {MODEL["$defs"][ref["$ref"].rsplit("/", 1)[1]]["properties"]["type"]["const"] for ref in MODEL["$defs"]["actuator"]["properties"]["source"]["oneOf"]}
    assert {actuator["source"]["type"] for actuator in GREENHOUSE["actuators"]} == targets


def test_quantities_are_those_of_the_vocabulary():
    quantities = {str(iri).removeprefix(str(MAUD)) for iri in Terms().graph.subjects(RDF.type, SCHEMA.Property)}
    assert set(MODEL["$defs"]["sensor"]["properties"]["property"]["enum"]) == quantities


def test_defaults_are_within_the_model():
    minimal = {"name": "x", "sensors": [{key: value for key, value in GREENHOUSE["sensors"][5].items()}]}
    assert VALIDATOR.is_valid(minimal)
    for name, part in MODEL["$defs"]["sensor"]["properties"].items():
        if "default" in part:
            board = copy.deepcopy(minimal)
            board["sensors"][0][name] = part["default"]
            assert VALIDATOR.is_valid(board), name


def test_the_simulator_is_what_the_tests_rely_on():
    board = read_json(REPOSITORY / "boards" / "simulator" / "board.json")
    assert [(sensor["period"], sensor["batch"], sensor["audience"]) for sensor in board["sensors"]] == [(1, 1, "public"), (1, 1, {"group": "viewers"})]
    assert [actuator["source"]["type"] for actuator in board["actuators"]] == ["simulator"]


S, A = ("sensors", 0), ("actuators", 0)
MISTAKES = {
    "an unknown key": (("colour",), "green"),
    "an unknown key of a sensor": ((*S, "periods"), 1),
    "an unknown key of a source": ((*S, "source", "pat"), "/x"),
    "an unknown key of an audience": ((*S, "audience"), {"group": "viewers", "fingerprints": ["0" * 40]}),
    "no name": (("name",), None),
    "a name with a slash": ((*S, "name"), "a/b"),
    "a name in capitals": ((*S, "name"), "Air"),
    "a name of 33": ((*S, "name"), "a" * 33),
    "a control character in a title": ((*S, "title"), "a\nb"),
    "an unknown quantity": ((*S, "property"), "warmth"),
    "a period too short": ((*S, "period"), 0.09),
    "a batch of none": ((*S, "batch"), 0),
    "a batch too large": ((*S, "batch"), 1001),
    "a batch of a fraction": ((*S, "batch"), 1.5),
    "a negative dead band": ((*S, "deadBand"), -1),
    "too many decimals": ((*S, "decimals"), 10),
    "an unknown source": ((*S, "source", "type"), "thermometer"),
    "an unknown audience": ((*S, "audience"), "private"),
    "an upper-case fingerprint": ((*S, "audience"), {"fingerprints": ["A" * 40]}),
    "nobody": ((*S, "audience"), {"fingerprints": []}),
    "a group outside .mau": ((*S, "audience"), {"group": "../x"}),
    "a text for a number": ((*S, "minimum"), "0"),
    "no unit": ((*S, "unitCode"), None),
    "two zones at once": (("sensors", 3, "source", "zone"), 1),
    "a command with a relative path": (("sensors", 9, "source", "arguments"), ["moisture"]),
    "a load over two minutes": (("sensors", 5, "source", "minutes"), 2),
    "a switch with a level's limits": ((*A, "maximum"), 255),
    "a kind of actuator that is none": ((*A, "type"), "dimmer"),
    "a sensor's source for an actuator": ((*A, "source"), {"type": "load"}),
    "a quota below the least": (("quota",), 1000),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_found(mistake):
    path, value = MISTAKES[mistake]
    board = copy.deepcopy(GREENHOUSE)
    assert VALIDATOR.is_valid(board)
    place = board
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    assert not VALIDATOR.is_valid(board)
