"""SHACL shapes made from the vocabulary: the domain and the range of every property.

schema.org's own shapes file rejects plain strings and matches nothing with https, so it is of no use here.
`python Tests/Vocabulary/shapes.py` prints the shapes in Turtle.
"""
import sys
from pathlib import Path

from rdflib import RDF, BNode, Graph, Literal, Namespace, URIRef
from rdflib.collection import Collection

sys.path.insert(0, str(Path(__file__).resolve().parent))
from terms import DATATYPES, SCHEMA, VOCABULARY, Terms  # noqa: E402

SH = Namespace("http://www.w3.org/ns/shacl#")
OURS = Namespace("https://w3id.org/maud/1/shapes#")


def _one_of(graph, shape, alternatives):
    head = BNode()
    Collection(graph, head, alternatives)
    graph.add((shape, SH["or"], head))


def _node(graph, *pairs):
    node = BNode()
    for predicate, value in pairs:
        graph.add((node, predicate, value))
    return node


def _reference(graph):
    """An IRI of which the document says no type: a thing described elsewhere."""
    untyped = _node(graph, (SH.path, RDF.type), (SH.maxCount, Literal(0)))
    return _node(graph, (SH.nodeKind, SH.IRI), (SH.property, untyped))


def _range_alternatives(graph, ranges):
    alternatives = []
    for iri in ranges:
        name = str(iri).removeprefix(str(SCHEMA))
        if name == "URL":
            alternatives.append(_node(graph, (SH.nodeKind, SH.IRI)))
        elif name in DATATYPES:
            alternatives += [_node(graph, (SH.datatype, datatype)) for datatype in DATATYPES[name]]
        else:
            alternatives.append(_node(graph, (SH["class"], iri)))
    if any(str(iri).removeprefix(str(SCHEMA)) not in DATATYPES for iri in ranges):
        alternatives.append(_reference(graph))
    return alternatives


def generate(terms):
    """A shape for the subjects and one for the objects of every property, and of its `-input` form."""
    graph = Graph()
    graph.bind("sh", SH)
    graph.bind("schema", SCHEMA)
    for iri, (domains, ranges) in sorted(terms.properties.items()):
        name = str(iri).rsplit("/", 1)[-1].replace("#", "-")
        for path, values in ((iri, ranges), (URIRef(f"{iri}-input"), [SCHEMA.PropertyValueSpecification])):
            suffix = "-input" if path != iri else ""
            subjects, objects = OURS[f"{name}{suffix}-domain"], OURS[f"{name}{suffix}-range"]
            graph.add((subjects, RDF.type, SH.NodeShape))
            graph.add((subjects, SH.targetSubjectsOf, path))
            graph.add((subjects, SH.message, Literal(f"{path} does not apply to this type")))
            _one_of(graph, subjects, [_node(graph, (SH["class"], domain)) for domain in domains])
            graph.add((objects, RDF.type, SH.NodeShape))
            graph.add((objects, SH.targetObjectsOf, path))
            graph.add((objects, SH.message, Literal(f"{path} does not take this value")))
            _one_of(graph, objects, _range_alternatives(graph, values))
    return graph


def all_shapes(terms):
    """The generated shapes and the hand-written ones of what each kind of document must hold."""
    return generate(terms) + Graph().parse(VOCABULARY / "shapes" / "documents-1.ttl")


if __name__ == "__main__":
    print(generate(Terms()).serialize(format="turtle"))
