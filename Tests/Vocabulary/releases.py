"""Released versions of the vocabulary never change: vocab/releases.json holds the SHA-256 of every file of every version.

    python Tests/Vocabulary/releases.py              verify
    python Tests/Vocabulary/releases.py --update     write the checksums of drafts anew; refuses when a released version changed
"""
import hashlib
import json
import sys
from pathlib import Path

VOCABULARY = Path(__file__).resolve().parents[2] / "vocab"
PATTERNS = ("vocabulary-{}.jsonld", "vocabulary-{}.ttl", "context-{}.jsonld", "shapes/documents-{}.ttl")


def sums(folder, version):
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (pattern.format(version) for pattern in PATTERNS)}


def problems(folder=VOCABULARY, drafts=True):
    """What differs from the checksums, as sentences; drafts=False looks at released versions only."""
    releases = json.loads((folder / "releases.json").read_text())
    for path in folder.glob("vocabulary-*.jsonld"):
        if path.stem.removeprefix("vocabulary-") not in releases:
            yield f"{path.name} is not in releases.json"
    for version, release in releases.items():
        if release["released"] is None and not drafts:
            continue
        try:
            actual = sums(folder, version)
        except FileNotFoundError as error:
            yield f"version {version}: {error.filename} is missing"
            continue
        for name in sorted(actual.keys() | release["sha256"].keys()):
            if actual.get(name) != release["sha256"].get(name):
                remedy = "make a new version instead" if release["released"] else "run Tests/Vocabulary/releases.py --update"
                yield f"{name} differs from its checksum: {remedy}"


def update(folder=VOCABULARY):
    """Writes the checksums of drafts anew; the problems that forbid it otherwise."""
    found = [problem for problem in problems(folder, drafts=False) if "is not in releases.json" not in problem]
    if found:
        return found
    releases = json.loads((folder / "releases.json").read_text())
    for path in folder.glob("vocabulary-*.jsonld"):
        releases.setdefault(path.stem.removeprefix("vocabulary-"), {"released": None, "sha256": {}})
    for version, release in releases.items():
        release["sha256"] = sums(folder, version)
    (folder / "releases.json").write_text(json.dumps(releases, indent=1) + "\n")
    return []


if __name__ == "__main__":
    wrong = update() if "--update" in sys.argv[1:] else list(problems())
    print("\n".join(wrong), end="\n" if wrong else "")
    sys.exit(1 if wrong else 0)
