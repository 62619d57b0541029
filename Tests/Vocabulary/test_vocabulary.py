"""The vocabulary itself: its two forms, its context, its checksums, and the schema.org terms it stands on."""
import json
import shutil
import zlib

import pytest
import rdflib
import releases
from make_turtle import turtle
from pyld import jsonld
from rdflib import OWL, RDF, RDFS, SDO
from rdflib.compare import isomorphic
from terms import INPUT, MAUD, REPOSITORY, SCHEMA, VOCABULARY, Terms, bundled, graph_of, read_json

TABLE = read_json(VOCABULARY / "schema-terms.json")
RELEASE = REPOSITORY.parent / "shared" / "schema.org" / "schemaorg-30.0-current-https.ttl"
RELEASED_CONTEXT = REPOSITORY.parent / "shared" / "schema.org" / "schemaorgcontext.jsonld"
# Terms of release 30.0 that rdflib 7.6.0's copy of schema.org, made from an older release, does not know.
NEWER_THAN_RDFLIB = {"observationAbout"}


@pytest.fixture(scope="module")
def terms():
    return Terms()


def test_turtle_and_jsonld_are_the_same_graph(terms):
    written = rdflib.Graph().parse(VOCABULARY / "vocabulary-1.ttl")
    assert len(written) > 100
    assert isomorphic(written, terms.graph)


def test_turtle_is_what_the_script_makes():
    assert (VOCABULARY / "vocabulary-1.ttl").read_text() == turtle()


def test_the_program_carries_the_vocabulary_itself():
    packed = (VOCABULARY / "vocabulary-1.deflate").read_bytes()
    assert zlib.decompress(packed, -15) == (VOCABULARY / "vocabulary-1.jsonld").read_bytes()


def test_a_changed_triple_is_noticed(terms):
    written = rdflib.Graph().parse(VOCABULARY / "vocabulary-1.ttl")
    written.remove((MAUD.sequence, RDFS.comment, None))
    assert not isomorphic(written, terms.graph)


def test_the_published_vocabulary_carries_the_context():
    """A processor that is given the vocabulary as the context of a document takes its @context and ignores the rest."""
    assert read_json(VOCABULARY / "vocabulary-1.jsonld")["@context"] == read_json(VOCABULARY / "context-1.jsonld")["@context"]


def test_two_json_ld_processors_agree():
    for path in sorted((VOCABULARY / "examples").glob("[!b]*.json")):
        document = read_json(path)
        ours = {**document, "@context": bundled("https://w3id.org/maud/1")["document"]["@context"]}
        by_rdflib = rdflib.Graph().parse(data=json.dumps(ours), format="json-ld")
        assert isomorphic(_plain(by_rdflib), _plain(graph_of(document))), path.name


def _plain(graph):
    """Both write a fraction as xsd:double, in different forms of the same number."""
    plain = rdflib.Graph()
    for subject, predicate, value in graph:
        is_number = isinstance(value, rdflib.Literal) and isinstance(value.value, (int, float)) and not isinstance(value.value, bool)
        plain.add((subject, predicate, rdflib.Literal(float(value.value)) if is_number else value))
    return plain


def test_every_term_is_described(terms):
    for iri in set(terms.graph.subjects()):
        assert len(list(terms.graph.objects(iri, RDFS.comment))) == 1, iri
        assert len(list(terms.graph.objects(iri, RDFS.label))) == 1, iri
        if iri != rdflib.URIRef("https://w3id.org/maud/1"):
            assert str(iri).startswith(str(MAUD)), iri
            assert str(terms.graph.value(iri, RDFS.label)) == str(iri).removeprefix(str(MAUD))


def test_every_domain_range_and_superclass_exists(terms):
    datatypes = {SCHEMA[term["term"]] for term in TABLE["terms"] if term["kind"] == "datatype"}
    for kind in (RDFS.subClassOf, SCHEMA.domainIncludes):
        for subject, value in terms.graph.subject_objects(kind):
            assert value in terms.classes, f"{subject}: {value}"
    for subject, value in terms.graph.subject_objects(SCHEMA.rangeIncludes):
        assert value in terms.classes or value in datatypes, f"{subject}: {value}"
    for iri in terms.graph.subjects(RDF.type, RDF.Property):
        assert (iri, SCHEMA.domainIncludes, None) in terms.graph, iri
        assert (iri, SCHEMA.rangeIncludes, None) in terms.graph, iri
    for iri in terms.graph.subjects(RDF.type, RDFS.Class):
        assert SCHEMA.Thing in terms.ancestors(iri), iri


def test_the_context_defines_every_term_and_nothing_else(terms):
    context = read_json(VOCABULARY / "context-1.jsonld")["@context"]
    prefixes = {name for name, value in context.items() if isinstance(value, str) and value.startswith("http")}
    known = set(terms.classes) | set(terms.properties) | terms.individuals
    for name in context.keys() - prefixes:
        value = context[name] if isinstance(context[name], str) else context[name]["@id"]
        prefix, local = value.split(":")
        iri = rdflib.URIRef(context[prefix] + local)
        assert name == local
        assert iri in known or (name.endswith(INPUT) and terms.base_of_input(iri) is not None), name
    ours = {str(iri).removeprefix(str(MAUD)) for iri in known if str(iri).startswith(str(MAUD))}
    assert ours <= context.keys()


def test_the_context_is_never_fetched():
    with pytest.raises(jsonld.JsonLdError):
        graph_of({"@context": "https://schema.org/", "name": "x"})


def test_every_schema_org_term_is_in_rdflibs_namespace():
    for term in TABLE["terms"]:
        assert (SDO[term["term"]] in SDO) or term["term"] in NEWER_THAN_RDFLIB, term["term"]
    assert SDO["noSuchTerm"] not in SDO


def _released(graph, term, predicate):
    return sorted(str(value).removeprefix(str(SCHEMA)) for value in graph.objects(SCHEMA[term], predicate) if str(value).startswith(str(SCHEMA)))


def _differences(graph, table):
    for row in table["terms"]:
        term, iri = row["term"], SCHEMA[row["term"]]
        kinds = set(graph.objects(iri, RDF.type))
        if row["kind"] == "class" and (RDFS.Class not in kinds or _released(graph, term, RDFS.subClassOf) != row["subClassOf"]):
            yield term
        if row["kind"] == "datatype" and RDFS.Class not in kinds:
            yield term
        if row["kind"] == "property" and (RDF.Property not in kinds or _released(graph, term, SCHEMA.domainIncludes) != row["domains"]
                                          or _released(graph, term, SCHEMA.rangeIncludes) != row["ranges"]):
            yield term
        if row["kind"] == "individual" and SCHEMA[row["type"]] not in kinds:
            yield term
        layer = [str(value).split("//")[1].split(".")[0] for value in graph.objects(iri, SCHEMA.isPartOf)]
        if layer != ([row["layer"]] if "layer" in row else []):
            yield term
        if (iri, SCHEMA.supersededBy, None) in graph:
            yield term


@pytest.mark.skipif(not RELEASE.exists(), reason="the release of schema.org is not at hand")
def test_the_table_is_what_the_release_says():
    graph = rdflib.Graph().parse(RELEASE)
    assert TABLE["release"] == "30.0"
    assert list(_differences(graph, TABLE)) == []
    broken = json.loads(json.dumps(TABLE))
    next(row for row in broken["terms"] if row["term"] == "unitCode")["domains"].append("Thing")
    assert list(_differences(graph, broken)) == ["unitCode"]


@pytest.mark.skipif(not RELEASED_CONTEXT.exists(), reason="the release of schema.org is not at hand")
def test_our_names_mean_what_schema_orgs_context_says():
    """The published context says http, the vocabulary https: the same terms."""
    theirs = json.loads(RELEASED_CONTEXT.read_text())["@context"]
    ours = read_json(VOCABULARY / "context-1.jsonld")["@context"]
    for name, value in ours.items():
        iri = value if isinstance(value, str) else value["@id"]
        if iri.startswith("schema:") and not name.endswith(INPUT):
            assert theirs[name]["@id"] == iri, name


def test_checksums_hold():
    assert list(releases.problems()) == []


def test_a_released_version_cannot_change(tmp_path):
    """A copy of vocab/ in which version 1 is released: one octet more in any of its files is found, and --update refuses."""
    folder = tmp_path / "vocab"
    shutil.copytree(VOCABULARY, folder)
    marked = json.loads((folder / "releases.json").read_text())
    marked["1"]["released"] = "2027-01-01"
    (folder / "releases.json").write_text(json.dumps(marked))
    assert list(releases.problems(folder)) == []
    for name in marked["1"]["sha256"]:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content + b" ")
        assert list(releases.problems(folder)) == [f"{name} differs from its checksum: make a new version instead"]
        assert releases.update(folder) != []
        (folder / name).write_bytes(content)
    (folder / "vocabulary-1.ttl").unlink()
    assert len(list(releases.problems(folder))) == 1
    (folder / "vocabulary-2.jsonld").write_text("{}")
    assert "vocabulary-2.jsonld is not in releases.json" in list(releases.problems(folder))


def test_ontology_names_its_version(terms):
    assert (rdflib.URIRef("https://w3id.org/maud/1"), OWL.versionInfo, rdflib.Literal("1")) in terms.graph
