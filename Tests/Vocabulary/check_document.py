#!/usr/bin/env python3
"""Checks documents against the vocabulary, offline: every term, every domain, every range, and what each kind of document must hold.

    python Tests/Vocabulary/check_document.py FILE...

Files are plaintext JSON-LD (what `gpg -d` or `maud open` prints). Given together, readings are also compared with the limits that the device
document sets for their sensor. One line for each thing wrong; exit status 1 if there was any.
"""
import re
import sys
from decimal import Decimal
from pathlib import Path

import pyshacl
from rdflib import RDF, BNode, Literal, URIRef

sys.path.insert(0, str(Path(__file__).resolve().parent))
from shapes import all_shapes  # noqa: E402
from terms import CONTEXT_IRI, MAUD, SCHEMA, VOCABULARY, Terms, graph_of, read_json  # noqa: E402

DATE = re.compile(r"^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z$")


class Checker:
    def __init__(self):
        self.terms = Terms()
        self.shapes = all_shapes(self.terms)
        self.hierarchy = self.terms.hierarchy()
        self.context = read_json(VOCABULARY / "context-1.jsonld")["@context"]

    def check(self, document):
        """What is wrong with one parsed document, as sentences."""
        if not isinstance(document, dict):
            return ["a document is one JSON object"]
        if "@graph" in document:
            same = document == read_json(VOCABULARY / "vocabulary-1.jsonld")
            return [] if same else ["this is not the vocabulary of vocab/vocabulary-1.jsonld"]
        if document.get("@context") != CONTEXT_IRI:
            return [f"the context must be {CONTEXT_IRI}"]
        problems = list(self._names(document, ""))
        graph = graph_of(document)
        if len(graph) == 0:
            problems.append("the document says nothing")
        problems += self._terms(graph)
        problems += self._types(graph)
        problems += self._shapes(graph)
        return problems

    def check_together(self, documents):
        """What is wrong between documents: values beyond their sensor's limits, identifiers of another device."""
        problems, sensors = [], {}
        for document in documents:
            for sensor in _list(document.get("sensor")):
                if isinstance(sensor, dict):
                    sensors[sensor["@id"]] = sensor
        for document in documents:
            problems += _identity(document)
            if document.get("@type") == "ReadingBatch" and document.get("sensor") in sensors:
                problems += _limits(document, sensors[document["sensor"]])
        return problems

    def _names(self, value, path):
        """JSON-LD drops names and bare values that the context does not define without a word: they are found here."""
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from self._names(item, f"{path}[{index}]")
        if not isinstance(value, dict):
            return
        for name, item in value.items():
            here = f"{path}.{name}"
            if name.startswith("@"):
                if name not in ("@context", "@id", "@type") or (name == "@context" and path):
                    yield f"{here}: {name} is not used in documents"
            elif name not in self.context:
                yield f"{here}: unknown term"
            definition = self.context.get(name)
            if name in ("observationDate", "dateModified", "startTime", "endTime") and not (isinstance(item, str) and DATE.match(item)):
                yield f"{here}: {item} is not a date in UTC with milliseconds"
            coerced = "@vocab" if name == "@type" else definition.get("@type") if isinstance(definition, dict) else None
            for text in _list(item) if coerced == "@vocab" else []:
                # A part of a device is named by its IRI, everything else by a bare name.
                if isinstance(text, str) and text not in self.context and not (name == "propertyID" and text.startswith("mau:")):
                    yield f"{here}: unknown term {text}"
            yield from self._names(item, here)

    def _terms(self, graph):
        known = set(self.terms.classes) | set(self.terms.properties) | self.terms.individuals
        for subject, predicate, value in graph:
            if predicate != RDF.type and predicate not in self.terms.properties and self.terms.base_of_input(predicate) is None:
                yield f"{predicate} is not a property of schema.org's table or of the vocabulary"
            if predicate == RDF.type and value not in self.terms.classes:
                yield f"{value} is not a class of schema.org's table or of the vocabulary"
            for node in (subject, value):
                if isinstance(node, URIRef) and str(node).startswith((str(MAUD), str(SCHEMA))) and node not in known:
                    yield f"{node} is in neither vocabulary"

    def _types(self, graph):
        for subject in set(graph.subjects()):
            if (subject, RDF.type, None) not in graph:
                yield f"{'a nested object' if isinstance(subject, BNode) else subject} has no type"

    def _shapes(self, graph):
        conforms, results, _ = pyshacl.validate(graph + self.hierarchy, shacl_graph=self.shapes, inference="none", advanced=False)
        if conforms:
            return
        shacl = "http://www.w3.org/ns/shacl#"
        for result in results.subjects(RDF.type, URIRef(shacl + "ValidationResult")):
            focus, path, value, message = (results.value(result, URIRef(shacl + name)) for name in ("focusNode", "resultPath", "value", "resultMessage"))
            where = "a nested object" if isinstance(focus, BNode) else focus
            yield f"{where}: {message}" + (f" (at {path})" if path else "") + (f": {value}" if isinstance(value, Literal) else "")


def _list(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def _identity(document):
    """Everything a device names as its own begins with its own IRI."""
    owner = document.get("device", document.get("@id"))
    own = [document["@id"]] if "@id" in document else []
    own += [sensor["@id"] if isinstance(sensor, dict) else sensor for sensor in _list(document.get("sensor"))]
    own += [action["object"]["@id"] for action in _list(document.get("potentialAction"))]
    own += [action["object"]["propertyID"] for action in [document, *_list(document.get("entries"))] if "propertyID" in action.get("object", {})]
    own += [entry["@id"] for entry in _list(document.get("entries"))]
    for iri in own:
        if iri != owner and not str(iri).startswith((f"{owner}#", f"{owner}/")):
            yield f"{iri} is not of {owner}"
    names = {"Answer": f"a-{document.get('identifier')}", "ActuatorState": f"state-{str(document.get('observationAbout')).partition('#')[2]}",
             "CommandLog": f"log-{document.get('sequence', 0):012}", "LogCheckpoint": "log-checkpoint", "ControllerList": "controllers"}
    if isinstance(document.get("@type"), str) and document["@type"] in names and document.get("@id") != f"{owner}/{names[document['@type']]}.json.pgp":
        yield f"{document.get('@id')} is not named {names[document['@type']]}.json.pgp"
    if document.get("@type") in ("ReadingBatch", "Checkpoint"):
        chain = document.get("chain")
        name = f"r-{chain}-{document.get('sequence', 0):012}" if document["@type"] == "ReadingBatch" else f"checkpoint-{chain}"
        if document.get("@id") != f"{owner}/{name}.json.pgp":
            yield f"{document.get('@id')} is not named {name}.json.pgp"


def _limits(batch, sensor):
    """A value beyond what the sensor can measure is a fault, and no value has more decimals than announced."""
    for reading in batch.get("readings", []):
        if "value" not in reading:
            continue
        value = Decimal(str(reading["value"]))
        if not Decimal(str(sensor["minValue"])) <= value <= Decimal(str(sensor["maxValue"])):
            yield f"{batch['@id']}: {value} is beyond the limits of {sensor['@id']}"
        if -value.normalize().as_tuple().exponent > sensor["decimals"]:
            yield f"{batch['@id']}: {value} has more decimals than {sensor['@id']}"
    for name, other in (("unitCode", "unitCode"), ("unitText", "unitText"), ("measuredProperty", "propertyID")):
        if batch.get(name) != sensor[other]:
            yield f"{batch['@id']}: {name} differs from {other} of {sensor['@id']}"


def main(paths):
    if not paths:
        print(__doc__, file=sys.stderr)
        return 64
    checker, documents, failed = Checker(), [], False
    for path in paths:
        try:
            document = read_json(path)
            problems = checker.check(document)
        except (OSError, ValueError) as error:
            document, problems = None, [str(error)]
        if not problems:
            documents.append(document)
        for problem in problems:
            print(f"{path}: {problem}")
            failed = True
    for problem in checker.check_together(documents):
        print(problem)
        failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
