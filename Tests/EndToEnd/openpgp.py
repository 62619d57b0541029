"""As much of OpenPGP (RFC 9580) as the tests need to look at a file without asking the code under test."""
import re


def packets(data):
    """(tag, body) of each packet; partial lengths are joined."""
    position = 0
    while position < len(data):
        head = data[position]
        position += 1
        assert head & 0x80, f"no packet starts at {position - 1}"
        if head & 0x40:
            tag, body = head & 0x3F, b""
            while True:
                first = data[position]
                position += 1
                if first < 192:
                    length, more = first, False
                elif first < 224:
                    length, more = ((first - 192) << 8) + data[position] + 192, False
                    position += 1
                elif first == 255:
                    length, more = int.from_bytes(data[position:position + 4], "big"), False
                    position += 4
                else:
                    length, more = 1 << (first & 0x1F), True
                body += data[position:position + length]
                position += length
                if not more:
                    break
        else:
            tag, kind = (head >> 2) & 0x0F, head & 3
            octets = {0: 1, 1: 2, 2: 4}.get(kind)
            length = int.from_bytes(data[position:position + octets], "big") if octets else len(data) - position
            position += octets or 0
            body = data[position:position + length]
            position += length
        assert position <= len(data), "a packet is longer than its file"
        yield tag, body


def tags(data):
    return [tag for tag, _ in packets(data)]


def s2k_of_account(data):
    """(cipher, S2K count in octets) of the SKESK packet that begins an account file."""
    tag, body = next(packets(data))
    assert tag == 3 and body[0] == 4, "the account does not begin with a v4 SKESK packet"
    assert body[2] == 3, "the S2K is not iterated and salted"
    coded = body[12]
    return body[1], (16 + (coded & 15)) << ((coded >> 4) + 6)


def _mpi(body, position):
    length = (int.from_bytes(body[position:position + 2], "big") + 7) // 8
    return body[position + 2:position + 2 + length], position + 2 + length


def secret_numbers(exported):
    """The secret numbers of unprotected Ed25519, cv25519 and RSA keys, as they lie in a transferable secret key."""
    numbers = []
    for tag, body in packets(exported):
        if tag not in (5, 7):
            continue
        assert body[0] == 4
        algorithm, position = body[5], 6
        if algorithm in (1, 2, 3):
            for _ in range(2):
                _, position = _mpi(body, position)
        else:
            position += 1 + body[position]
            _, position = _mpi(body, position)
            if algorithm == 18:
                position += 1 + body[position]
        assert body[position] == 0, "the secret key is protected"
        position += 1
        for _ in range(4 if algorithm in (1, 2, 3) else 1):
            number, position = _mpi(body, position)
            numbers.append(number)
    return numbers


def recipients(data):
    """Key ids (16 hexadecimal digits) of the PKESK packets."""
    return [body[1:9].hex() for tag, body in packets(data) if tag == 1]


def is_protected(key):
    """Whether a file of gpg-agent holds its secret key encrypted by the agent itself. Not so when it says "openpgp-native": that is
    the key as an import brought it, which may be in the clear, `(protection none)`, inside a "protected-private-key" too."""
    words = re.sub(rb"\s+|[0-9]+:", b" ", key)
    return (re.search(rb"\( ?protected-private-key", words) is not None and re.search(rb"\( ?protected openpgp-s2k3-", words) is not None
            and not re.search(rb"openpgp-native|protection ?none|\( ?(shadowed-)?private-key", words))
