"""The client's own half against the page's examples (docs/bluetooth.md, 1.3 and 2.8), without a guest."""
import pytest

from client import NodeValue
from stream import ACKNOWLEDGEMENT, CLOSE, DATA, GAP, LAST, OPEN, QUESTION, Sender, fragment, fragment_limit


def test_the_examples_of_the_page():
    identifier = bytes.fromhex("78563412")
    assert fragment(OPEN, 15, 254, 0, bytes([1, 0xEF, 1]) + identifier) == bytes.fromhex("F1FE0001EF0178563412")
    assert fragment(OPEN, 8, 7, 254, bytes([1, 0xF4, 0]) + identifier) == bytes.fromhex("8107FE01F40078563412")
    assert fragment(DATA, 15, 254, 7, b"GET") == bytes.fromhex("F8FE07474554")
    assert fragment(LAST, 8, 7, 255, b"OK") == bytes.fromhex("8A07FF4F4B")
    assert fragment(LAST, 15, 255, 8) == bytes.fromhex("FAFF08")
    assert fragment(ACKNOWLEDGEMENT, 0, 8, 256) == bytes.fromhex("000800")
    assert fragment(GAP, 8, 8, 255) == bytes.fromhex("8308FF")
    assert fragment(QUESTION, 0, 8, 255) == bytes.fromhex("0208FF")
    assert fragment(CLOSE, 15, 0, 8, b"\0") == bytes.fromhex("F4000800")
    node = NodeValue.parse(bytes.fromhex("0103A62FD4D43E3FC83EC3BEDEF69C780921444BE7D5EF01088300"))
    assert (node.version, node.flags, node.fingerprint) == (1, 3, "a62fd4d43e3fc83ec3bedef69c780921444be7d5")
    assert (node.largest, node.window, node.psm) == (495, 8, 0x83)


@pytest.mark.parametrize("mtu, limit", [(23, 20), (100, 97), (247, 244), (400, 244), (498, 495), (517, 495)])
def test_fragments_are_sized_for_the_link(mtu, limit):
    assert fragment_limit(mtu) == limit


def test_an_old_acknowledgement_is_ignored():
    sender = Sender()
    sender.number = sender.base = 254
    sender.credit = 4
    for _ in range(3):
        sender.add(DATA, b"x")
    assert sender.acknowledged(0, 4) and len(sender.outstanding) == 1 and sender.base == 0
    assert not sender.acknowledged(255, 15) and sender.credit == 4
    assert not sender.acknowledged(2, 15) and sender.credit == 4
    assert sender.acknowledged(1, 2) and not sender.outstanding and sender.allowed() == 2
