"""The boards' decoder of HPACK's Huffman code (third-party/nghttp2/huffman.c) beside nghttp2's own: the same octets, the same errors."""
import ctypes
import random
import subprocess

import pytest

from harness import REPOSITORY

NGHTTP2 = REPOSITORY / ".sysroot/arm64/usr/src/nghttp2/lib"
EOS = 256


class Buffer(ctypes.Structure):  # nghttp2_buf
    _fields_ = [(name, ctypes.c_void_p) for name in ("begin", "end", "pos", "last", "mark")]


class Symbol(ctypes.Structure):  # nghttp2_huff_sym
    _fields_ = [("bits", ctypes.c_uint32), ("code", ctypes.c_uint32)]  # the code's first bit is the highest


class Decoder:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.library.nghttp2_hd_huff_decode.restype = ctypes.c_ssize_t
        self.library.nghttp2_hd_huff_decode.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]

    def decode(self, pieces):
        """What the pieces of one string say, or None when they cannot be one."""
        context = ctypes.c_uint16()
        room = ctypes.create_string_buffer(2 * sum(map(len, pieces)) + 1)
        begin = ctypes.addressof(room)
        buffer = Buffer(begin, begin + len(room), begin, begin, begin)
        self.library.nghttp2_hd_huff_decode_context_init(ctypes.byref(context))
        for number, piece in enumerate(pieces):
            read = self.library.nghttp2_hd_huff_decode(ctypes.byref(context), ctypes.byref(buffer), piece, len(piece), number == len(pieces) - 1)
            if read < 0 or self.library.nghttp2_hd_huff_decode_failure_state(ctypes.byref(context)):
                return None
            assert read == len(piece)
        return room.raw[: buffer.last - begin]


@pytest.fixture(scope="module")
def decoders(tmp_path_factory):
    assert NGHTTP2.exists(), f"{NGHTTP2} is missing: make BOARD=raspberry-pi-zero-2-w unpacks it"
    directory = tmp_path_factory.mktemp("huffman")

    def build(name, huffman):
        library = directory / f"{name}.so"
        others = [NGHTTP2 / f"nghttp2_{each}.c" for each in ("hd_huffman_data", "buf", "helper", "mem")]
        subprocess.run(["gcc", "-O1", "-w", "-shared", "-fPIC", "-fsanitize=undefined", "-fno-sanitize-recover", "-DHAVE_ARPA_INET_H",
                        f"-I{NGHTTP2}/includes", f"-I{NGHTTP2}", "-o", library, huffman, *others], check=True)
        return Decoder(library)

    return build("ours", REPOSITORY / "third-party/nghttp2/huffman.c"), build("theirs", NGHTTP2 / "nghttp2_hd_huffman.c")


@pytest.fixture(scope="module")
def encode(decoders):
    table = (Symbol * 257).in_dll(decoders[1].library, "huff_sym_table")
    code = [format(each.code >> (32 - each.bits), f"0{each.bits}b") for each in table]

    def encode(symbols, filling="1" * 7):
        bits = "".join(code[each] for each in symbols)
        bits += filling[: -len(bits) % 8]
        return int("0" + bits, 2).to_bytes(len(bits) // 8, "big")
    return encode


def cut(random, octets):
    places = sorted(random.choices(range(len(octets) + 1), k=random.randrange(4)))
    return [octets[start:end] for start, end in zip([0, *places], [*places, len(octets)])]


def test_the_examples_of_rfc_7541_are_read(decoders):
    for octets, text in [("f1e3c2e5f23a6ba0ab90f4ff", b"www.example.com"), ("a8eb10649cbf", b"no-cache"), ("25a849e95ba97d7f", b"custom-key"), ("25a849e95bb8e8b4bf", b"custom-value"),
                         ("9d29ad171863c78f0b97c8e9ae82ae43d3", b"https://www.example.com"), ("", b"")]:
        assert decoders[0].decode([bytes.fromhex(octets)]) == text


def test_every_symbol_is_read_wherever_the_string_is_cut(decoders, encode):
    chance = random.Random(7541)
    for symbol in range(256):
        text = bytes([symbol, *chance.choices(range(256), k=40), symbol])
        assert decoders[0].decode(cut(chance, encode(text))) == text


def test_wrong_ends_are_refused(decoders, encode):
    for octets in [encode([EOS]), encode([*b"aaaaaaaa", EOS, *b"b"]), encode(b"0", filling="0" * 7), encode(b"0", filling="1101111"), encode(b"00") + b"\xff", b"\xff", b"\xff\xff\xff"]:
        assert [each.decode([octets]) for each in decoders] == [None, None]


def test_both_say_the_same_of_what_nobody_would_send(decoders, encode):
    chance = random.Random(9113)
    verdicts = []
    for _ in range(5000):
        octets = encode(chance.choices(range(257), [1] * 256 + [chance.random() / 2], k=chance.randrange(30)), filling=chance.choice(["1111111", "0000000", "1110111"]))
        changed = bytearray(octets if chance.random() < 0.7 else chance.randbytes(chance.randrange(40)))
        for _ in range(chance.randrange(3) if changed else 0):
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        pieces = cut(chance, bytes(changed))
        ours, theirs = (each.decode(pieces) for each in decoders)
        assert ours == theirs, pieces
        verdicts.append(ours is None)
    assert 1000 < sum(verdicts) < 4000
