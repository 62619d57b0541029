"""The terms that documents may use: our vocabulary and the table of the schema.org terms it stands on."""
import json
from pathlib import Path

import rdflib
from pyld import jsonld
from rdflib import OWL, RDF, RDFS, XSD

REPOSITORY = Path(__file__).resolve().parents[2]
VOCABULARY = REPOSITORY / "vocab"
MAUD = rdflib.Namespace("https://w3id.org/maud/1#")
SCHEMA = rdflib.Namespace("https://schema.org/")
CONTEXT_IRI = "https://w3id.org/maud/1"
INPUT = "-input"

# What schema.org's data types are in RDF. URL is not here: it is an IRI.
DATATYPES = {
    "Boolean": [XSD.boolean],
    "Date": [XSD.date],
    "DateTime": [XSD.dateTime],
    "Integer": [XSD.integer],
    "Number": [XSD.integer, XSD.decimal, XSD.double],
    "Text": [XSD.string, RDF.langString],
}


def read_json(path):
    """A JSON file, strictly: a name twice in one object, NaN and Infinity are errors."""
    def members(pairs):
        names = [name for name, _ in pairs]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{path}: {name} is there twice")
        return dict(pairs)

    def constant(text):
        raise ValueError(f"{path}: {text} is not JSON")

    with open(path, encoding="utf-8") as file:
        return json.load(file, object_pairs_hook=members, parse_constant=constant)


def bundled(url, _options=None):
    """The only document loader: the context comes from this repository, and nothing else from anywhere."""
    if url != CONTEXT_IRI:
        raise ValueError(f"no document may need {url}")
    return {"contentType": "application/ld+json", "contextUrl": None, "documentUrl": url,
            "document": read_json(VOCABULARY / "context-1.jsonld")}


def graph_of(document):
    """The RDF graph of a parsed JSON-LD document, by PyLD."""
    quads = jsonld.to_rdf(document, {"documentLoader": bundled, "format": "application/n-quads", "processingMode": "json-ld-1.1"})
    return rdflib.Graph().parse(data=quads, format="nt")  # all in the default graph, so N-Triples


class Terms:
    """Which classes, properties and individuals there are, and where each applies."""

    def __init__(self, vocabulary=VOCABULARY / "vocabulary-1.jsonld", table=VOCABULARY / "schema-terms.json"):
        self.graph = graph_of(read_json(vocabulary))
        self.classes, self.properties, self.individuals, self.kinds = {}, {}, set(), {}
        self._read_table(read_json(table))
        self._read_vocabulary()

    def _read_table(self, table):
        for term in table["terms"]:
            iri = SCHEMA[term["term"]]
            if term["kind"] == "class":
                self.classes[iri] = [SCHEMA[name] for name in term["subClassOf"]]
            elif term["kind"] == "property":
                self.properties[iri] = ([SCHEMA[name] for name in term["domains"]], [SCHEMA[name] for name in term["ranges"]])
            elif term["kind"] == "individual":
                self.individuals.add(iri)
                self.kinds[iri] = SCHEMA[term["type"]]

    def _read_vocabulary(self):
        kinds = (RDFS.Class, RDF.Property, OWL.Ontology)
        for iri, kind in self.graph.subject_objects(RDF.type):
            if kind == RDFS.Class:
                self.classes[iri] = list(self.graph.objects(iri, RDFS.subClassOf))
            elif kind == RDF.Property:
                self.properties[iri] = (list(self.graph.objects(iri, SCHEMA.domainIncludes)),
                                        list(self.graph.objects(iri, SCHEMA.rangeIncludes)))
            elif kind not in kinds:
                self.individuals.add(iri)

    def ancestors(self, iri):
        """The class itself and every class above it."""
        found, waiting = set(), [iri]
        while waiting:
            current = waiting.pop()
            if current not in found:
                found.add(current)
                waiting += self.classes.get(current, [])
        return found

    def base_of_input(self, iri):
        """The property that `<property>-input` describes the values of, or None (schema.org, "Potential actions")."""
        text = str(iri)
        base = rdflib.URIRef(text[:-len(INPUT)])
        return base if text.endswith(INPUT) and base in self.properties else None

    def hierarchy(self):
        """Triples that shapes need beside a document: who is whose subclass, and what kind each individual is."""
        graph = rdflib.Graph()
        for iri, parents in self.classes.items():
            graph.add((iri, RDF.type, RDFS.Class))
            for parent in parents:
                graph.add((iri, RDFS.subClassOf, parent))
        for iri in self.individuals:
            for kind in self.graph.objects(iri, RDF.type):
                graph.add((iri, RDF.type, kind))
        for iri, kind in self.kinds.items():
            graph.add((iri, RDF.type, kind))
        return graph
