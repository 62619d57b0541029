"""A factory-fresh node gets its owner by Bluetooth, with no network (docs/claim.md). The claimer is one from that page over the client from docs/bluetooth.md; `mau claim`
is in test_mau.py."""
import asyncio
import hmac
import json
import secrets

from certificates import fingerprint_of
from claimer import Claimer, proof
from commands import Controller
from cryptography import x509

UNOWNED = 1  # the flag in Node


async def ask(exchange, method, path, body=None):
    """(status, content); 3.6: a node that has just begun is asked again, after the time that it says."""
    async with asyncio.timeout(30):
        while True:
            status, headers, content = await exchange.request(method, path, body)
            if status != 503:
                return status, content
            await asyncio.sleep(int(headers["retry-after"]))


async def attempt_of(exchange, node, claimer, code):
    """3.1, steps 1 and 2: (path of the attempt, nonces, status, content)."""
    status, nonce = await ask(exchange, "GET", node.path("challenge"))
    assert status == 200 and len(nonce) == 16
    nonces = nonce + secrets.token_bytes(16)
    path = node.path(claimer.attempt(code, node.fingerprint, nonces))
    return path, nonces, *await ask(exchange, "GET", path)


async def test_a_fresh_node_is_claimed_and_commanded_by_gatt(world, tmp_path):
    gnupg = world.content.gnupg
    claimer = await asyncio.to_thread(Claimer, gnupg, tmp_path, "claimer")
    async with world.fresh_node() as node:
        client = await world.client()
        assert client.node.flags & UNOWNED and client.node.fingerprint == node.fingerprint
        code = await node.claim_code()
        exchange = await world.exchange(client, claimer.certificate)
        assert fingerprint_of(x509.load_der_x509_certificate(exchange.carrier.certificate())) == node.fingerprint
        wrong = ("1" if code[0] == "0" else "0") + code[1:]
        assert (await attempt_of(exchange, node, claimer, wrong))[2] == 403
        path, nonces, status, answer = await attempt_of(exchange, node, claimer, code)
        assert status == 200 and hmac.compare_digest(answer[:32], proof(code, "N", claimer.fingerprint, node.fingerprint, nonces)), "it has the code, too"
        assert node.fingerprint in await asyncio.to_thread(fingerprints, gnupg, answer[32:])
        assert (await ask(exchange, "PUT", path, claimer.key))[0] == 201
        # From now on it has an owner, who commands at once, and nobody else can claim it.
        assert not (await client.read_node()).flags & UNOWNED
        await set_led(world, node, exchange, claimer)
        assert (await ask(exchange, "GET", path))[0] == 404
        assert await world.guest.run(f"ls {node.place}/root/.mau/controllers") == f"{claimer.fingerprint}.pgp\n"
        assert code not in await node.log()


def fingerprints(gnupg, key):
    gnupg.import_key(key)
    return gnupg.fingerprints()


async def set_led(world, node, exchange, claimer):
    owner = Controller.known(node, claimer.gnupg, claimer.fingerprint)
    file = await asyncio.to_thread(owner.sign, owner.text(1))
    status, _, body = await exchange.request("PUT", f"/p2p/{claimer.fingerprint}/c-1.json.pgp", file, Prefer="return=representation")
    plain, signer = await asyncio.to_thread(world.content.gnupg.open, body)
    assert status == 201 and signer == node.fingerprint and json.loads(plain)["actionStatus"] == "CompletedActionStatus"
    assert (await node.status())["actuators"]["led"] == 1
