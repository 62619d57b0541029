"""Writes vocab/vocabulary-1.jsonld as raw DEFLATE (RFC 1951) to standard output: `python3 Tests/Vocabulary/make_deflated.py > vocab/vocabulary-1.deflate`
after every change of it. The program carries that file, a fifth of the text's size."""
import sys
import zlib
from pathlib import Path

VOCABULARY = Path(__file__).resolve().parents[2] / "vocab"


def deflated():
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    return compressor.compress((VOCABULARY / "vocabulary-1.jsonld").read_bytes()) + compressor.flush()


if __name__ == "__main__":
    sys.stdout.buffer.write(deflated())
