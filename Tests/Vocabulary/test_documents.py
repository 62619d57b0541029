"""Documents: the examples pass, and each kind of mistake is found."""
import copy
import os
from pathlib import Path

import pytest
from check_document import Checker, main
from terms import VOCABULARY, read_json

EXAMPLES = sorted((VOCABULARY / "examples").glob("[!b]*.json"))
# End-to-end tests name here, separated by colons, files that a node emitted.
EMITTED = [Path(name) for name in os.environ.get("MAUD_DOCUMENTS", "").split(":") if name]
FINGERPRINT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def checker():
    return Checker()


def example(name):
    return read_json(VOCABULARY / "examples" / f"{name}.json")


@pytest.mark.parametrize("path", EXAMPLES + EMITTED, ids=lambda path: path.name)
def test_documents_are_valid(checker, path):
    document = read_json(path)
    assert checker.check(document) == []
    assert list(checker.check_together([document])) == []


def test_there_is_an_example_of_every_kind():
    kinds = {kind for path in EXAMPLES for kind in [read_json(path)["@type"]] if isinstance(kind, str)}
    assert kinds == {"ReadingBatch", "Checkpoint", "Command", "Answer", "ActuatorState", "CommandLog", "LogCheckpoint", "AddController", "ControllerList"}
    assert len([path for path in EXAMPLES if path.name.startswith("device-")]) == 3


def test_the_vocabulary_is_a_document_too(checker):
    document = read_json(VOCABULARY / "vocabulary-1.jsonld")
    assert checker.check(document) == []
    document["@graph"].pop()
    assert checker.check(document) != []


def test_the_examples_agree_with_each_other(checker):
    assert list(checker.check_together([example(name) for name in ("device-greenhouse", "reading-batch", "reading-batch-clock-unset", "checkpoint")])) == []
    assert list(checker.check_together([example(name) for name in ("device-simulator", "reading-batch-first")])) == []
    commands = ("device-simulator", "command", "answer", "answer-failed", "actuator-state", "command-log", "log-checkpoint", "command-add-controller", "answer-add-controller", "controllers")
    assert list(checker.check_together([example(name) for name in commands])) == []


def test_a_batch_of_sixty_readings_is_small():
    """60 readings with date, time since boot and value, with room to spare for longer values: at most 8 KiB."""
    batch = (VOCABULARY / "examples" / "reading-batch-first.json").read_bytes()
    start = batch.index(b'"readings":[') + len(b'"readings":[')
    assert start + 60 * (len(batch) - start) <= 8192


def change(document, path, value):
    """A copy in which the member at the path is the value, or gone when that is None."""
    document = copy.deepcopy(document)
    place = document
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


SENSOR, ACTION = ("sensor", 0), ("potentialAction", 0)
INPUT = (*ACTION, "object", "value-input")
READING = ("readings", 0)
MISTAKES = {
    # Terms
    "a misspelt property": ("reading-batch", ("unitCod",), "CEL"),
    "a misspelt property deep inside": ("reading-batch", (*READING, "vaule"), 1),
    "a misspelt type": ("reading-batch", (*READING, "@type"), "Obsrvation"),
    "a misspelt quantity": ("reading-batch", ("measuredProperty",), "temprature"),
    "a misspelt quantity of a sensor": ("device-greenhouse", (*SENSOR, "propertyID"), "temprature"),
    "a misspelt fault": ("reading-batch", ("readings", 2, "fault"), "timeout"),
    "a full IRI that does not exist": ("reading-batch", ("https://schema.org/unitCod",), "CEL"),
    "a prefixed name": ("reading-batch", ("schema:unitText",), "CEL"),
    "a property of schema.org that is not in the table": ("device-greenhouse", ("softwareVersion",), "1"),
    "an individual used as a property": ("reading-batch", ("temperature",), 1),
    "an alias of a keyword": ("reading-batch", ("@language",), "en"),
    "another context": ("reading-batch", ("@context",), "https://schema.org"),
    "a context inside": ("reading-batch", (*READING, "@context"), {"vaule": "https://schema.org/value"}),
    # Domains
    "unitCode on a device": ("device-greenhouse", ("unitCode",), "CEL"),
    "model on a sensor": ("device-greenhouse", (*SENSOR, "model"), "BME280"),
    "measuredProperty on a sensor": ("device-greenhouse", (*SENSOR, "measuredProperty"), "temperature"),
    "marginOfError on a sensor": ("device-greenhouse", (*SENSOR, "marginOfError"), {"@type": "QuantitativeValue", "value": 1}),
    "observationDate on a device": ("device-greenhouse", ("observationDate",), "2026-11-21T10:35:20.123Z"),
    "audience on a sensor": ("device-greenhouse", (*SENSOR, "audience"), {"@type": "Audience", "audienceType": "public"}),
    "sequence on a reading": ("reading-batch", (*READING, "sequence"), 1),
    "stepValue on an actuator": ("device-greenhouse", (*ACTION, "object", "stepValue"), 1),
    "fault on a device": ("device-greenhouse", ("fault",), "timedOut"),
    "value-input on a device": ("device-greenhouse", ("value-input",), {"@type": "PropertyValueSpecification", "minValue": 0}),
    "unitText on a checkpoint": ("checkpoint", ("unitText",), "°C"),
    # Ranges
    "a text where a number belongs": ("device-greenhouse", (*SENSOR, "maxValue"), "85"),
    "a fraction where an integer belongs": ("reading-batch", ("sequence",), 42.5),
    "a number where a text belongs": ("device-greenhouse", ("name",), 5),
    "a text where a boolean belongs": ("device-greenhouse", (*INPUT, "valueRequired"), "true"),
    "a text where a class belongs": ("reading-batch", ("audience",), "public"),
    "an object of another class": ("reading-batch", ("audience",), {"@type": "QuantitativeValue", "value": 1}),
    "a quantity where a fault belongs": ("reading-batch", ("readings", 2, "fault"), "temperature"),
    "a fault where a quantity belongs": ("reading-batch", ("measuredProperty",), "timedOut"),
    "a boolean for a clock state": ("reading-batch", ("clockState",), True),
    "a date that is none": ("reading-batch", (*READING, "observationDate"), "2026-13-21T10:35:20.123Z"),
    "a date with another offset": ("reading-batch", (*READING, "observationDate"), "2026-11-21T10:35:20.123+01:00"),
    "a date without a time": ("reading-batch", (*READING, "observationDate"), "2026-11-21"),
    # What each document must hold
    "a value and a fault": ("reading-batch", (*READING, "fault"), "timedOut"),
    "neither value nor fault": ("reading-batch", (*READING, "value"), None),
    "no time since boot": ("reading-batch", (*READING, "monotonicSeconds"), None),
    "a negative time since boot": ("reading-batch", (*READING, "monotonicSeconds"), -1),
    "no previous batch": ("reading-batch", ("previous",), None),
    "a previous batch of the first": ("reading-batch", ("sequence",), 1),
    "an upper-case hash": ("reading-batch", ("previous",), "A" * 64),
    "a short hash": ("checkpoint", ("removedThroughSha256",), "a" * 63),
    "a date although the clock is not set": ("reading-batch", ("clockState",), "clockUnset"),
    "no date although the clock is set": ("reading-batch-clock-unset", ("clockState",), "clockSet"),
    "a boot id that is no UUID": ("reading-batch", ("bootId",), "1234"),
    "no readings": ("reading-batch", ("readings",), []),
    "no audience": ("reading-batch", ("audience",), None),
    "a group without a name": ("reading-batch", ("audience", "name"), None),
    "fingerprints that are none": ("reading-batch-clock-unset", ("audience", "identifier", 0), "xyz"),
    "observationAbout something else": ("reading-batch", ("observationAbout",), "mau:" + "f" * 40),
    "a sensor without a unit": ("device-greenhouse", (*SENSOR, "unitCode"), None),
    "a sensor whose limits are reversed": ("device-greenhouse", (*SENSOR, "minValue"), 86),
    "a period below the least": ("device-greenhouse", (*SENSOR, "period"), 0.05),
    "more decimals than there are": ("device-greenhouse", (*SENSOR, "decimals"), 10),
    "a batch beyond the most": ("device-greenhouse", (*SENSOR, "batchSize"), 1001),
    "an action without an object": ("device-greenhouse", (*ACTION, "object"), None),
    "an action without an input": ("device-greenhouse", INPUT, None),
    "a step of nothing": ("device-greenhouse", (*INPUT, "stepValue"), 0),
    "a safe value beyond the limits": ("device-greenhouse", (*ACTION, "object", "safeValue"), 2),
    "a switch with other limits": ("device-greenhouse", (*ACTION, "object", "maxValue"), 2),
    "a device that is no product": ("device-greenhouse", ("@type",), "Device"),
    "a checkpoint through nothing": ("checkpoint", ("removedThrough",), 0),
    "a command without a value": ("command", ("object", "value"), None),
    "a command without an actuator": ("command", ("object",), None),
    "a command for no device": ("command", ("device",), None),
    "a short identifier": ("command", ("identifier",), "a" * 31),
    "a command without a time": ("command", ("startTime",), None),
    "a time that is no date": ("command", ("startTime",), "now"),
    "a challenge that is none": ("command", ("challenge",), "xyz"),
    "an actuator with a file's name": ("command", ("object", "propertyID"), f"mau:{FINGERPRINT}/led"),
    "a command that says what became of it": ("command", ("controller",), f"mau:{FINGERPRINT}"),
    "an answer without a status": ("answer", ("actionStatus",), None),
    "a misspelt status": ("answer", ("actionStatus",), "CompleteActionStatus"),
    "a status that the result denies": ("answer", ("actionStatus",), "FailedActionStatus"),
    "an error of what was carried out": ("answer", ("error",), "expired"),
    "an answer without its controller": ("answer", ("controller",), None),
    "a failure without a reason": ("answer-failed", ("error",), None),
    "a failure with a sensor's fault": ("answer-failed", ("error",), "timedOut"),
    "a failure with a result": ("answer-failed", ("result",), {"@type": "PropertyValue", "value": 1}),
    "an end although the clock is not set": ("answer-failed", ("endTime",), "2026-11-21T10:35:20.123Z"),
    "a state without a value": ("actuator-state", ("value",), None),
    "a state of nothing": ("actuator-state", ("observationAbout",), None),
    "a state for nobody": ("actuator-state", ("audience",), None),
    "a state without its boot": ("actuator-state", ("bootId",), None),
    "a command to add a controller without the key": ("command-add-controller", ("object", "text"), None),
    "a command to add a controller without a fingerprint": ("command-add-controller", ("object", "identifier"), None),
    "a command to add a controller that is about an actuator": ("command-add-controller", ("object",), {"@type": "PropertyValue", "propertyID": f"mau:{FINGERPRINT}#led", "value": 1}),
    "a key that is no base 64": ("command-add-controller", ("object", "text"), "-----BEGIN"),
    "a key too long for a command": ("command-add-controller", ("object", "text"), "A" * 13660),
    "a command for an actuator about a key": ("command", ("object",), {"@type": "PublicKey", "identifier": FINGERPRINT, "text": "AAAA"}),
    "a fingerprint in upper case": ("answer-add-controller", ("object", "identifier"), FINGERPRINT.upper()),
    "a result of a change of controllers": ("answer-add-controller", ("result",), {"@type": "PropertyValue", "value": 1}),
    "an answer that does not say which change": ("answer-add-controller", ("@type",), "Answer"),
    "a list of controllers with another name": ("controllers", ("@id",), f"mau:{FINGERPRINT}/owners.json.pgp"),
    "a controller that is no fingerprint": ("controllers", ("controller", 0), "mau:gina"),
    "a log without entries": ("command-log", ("entries",), []),
    "a log that goes on from nothing": ("command-log", ("previous",), None),
    "an entry that is no answer": ("command-log", ("entries", 0, "@type"), "Command"),
    "an entry without a status": ("command-log", ("entries", 0, "actionStatus"), None),
    "a log checkpoint through nothing": ("log-checkpoint", ("removedThrough",), 0),
    "a hold time of nothing": ("device-greenhouse", (*ACTION, "object", "holdTime"), 0),
    "an object without a type": ("reading-batch", (*READING, "@type"), None),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_found(checker, mistake):
    name, path, value = MISTAKES[mistake]
    document = example(name)
    assert checker.check(document) == []
    assert checker.check(change(document, path, value)) != []


BETWEEN = {
    "a value above the limits": ("reading-batch", (*READING, "value"), 85.01),
    "a value below the limits": ("reading-batch", (*READING, "value"), -40.5),
    "a value with more decimals than announced": ("reading-batch", (*READING, "value"), 1.234),
    "another unit than the sensor's": ("reading-batch", ("unitCode",), "FAH"),
    "another quantity than the sensor's": ("reading-batch", ("measuredProperty",), "pressure"),
    "a file name of another chain": ("reading-batch", ("chain",), "soil"),
    "a file name of another sequence": ("reading-batch", ("sequence",), 43),
    "a sensor of another device": ("checkpoint", ("sensor",), f"mau:{'f' * 40}#air"),
    "an answer of another name": ("answer", ("identifier",), "f" * 32),
    "an answer about another device's actuator": ("answer", ("object", "propertyID"), f"mau:{'f' * 40}#led"),
    "a state of another name": ("actuator-state", ("observationAbout",), f"mau:{FINGERPRINT}#pump"),
    "a log of another sequence": ("command-log", ("sequence",), 3),
    "a log about another device": ("command-log", ("entries", 0, "object", "propertyID"), f"mau:{'f' * 40}#led"),
    "an actuator of another device": ("device-greenhouse", (*ACTION, "object", "@id"), f"mau:{'f' * 40}#pump"),
}


@pytest.mark.parametrize("mistake", BETWEEN)
def test_mistakes_between_documents_are_found(checker, mistake):
    name, path, value = BETWEEN[mistake]
    documents = [example("device-greenhouse"), change(example(name), path, value)]
    assert list(checker.check_together(documents)) != []


def test_values_at_the_limits_are_fine(checker):
    for value in (-40, 85, 84.99):
        documents = [example("device-greenhouse"), change(example("reading-batch"), (*READING, "value"), value)]
        assert checker.check(documents[1]) == []
        assert list(checker.check_together(documents)) == []


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    bad = tmp_path / "bad.json"
    bad.write_text('{"@context":"https://w3id.org/maud/1","@id":"mau:x","@type":"Sensor","naem":"x","naem":"y"}')
    assert main([str(bad)]) == 1
    assert "naem is there twice" in capsys.readouterr().out
    assert main([str(EXAMPLES[0])]) == 0
    assert main([]) == 64
    assert main([str(tmp_path / "missing.json")]) == 1
