"""HTTP/1.1, and TLS 1.3 below it, over a stream or a channel: anything with send(data), receive() and close()."""
import ssl


class Disconnected(Exception):
    pass


class Secured:
    """TLS 1.3 by Python's ssl, that is OpenSSL, over a carrier; `certificate` is a file with certificate and key, or None."""

    def __init__(self, carrier, certificate=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # who the node is, its fingerprint says
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_alpn_protocols(["http/1.1"])
        if certificate:
            context.load_cert_chain(certificate)
        self.carrier = carrier
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing)

    async def handshake(self):
        await self.until(self.tls.do_handshake)
        return self

    def certificate(self):
        """The node's, DER."""
        return self.tls.getpeercert(True)

    async def until(self, operation, *arguments):
        while True:
            try:
                result = operation(*arguments)
                await self.flush()
                return result
            except ssl.SSLWantReadError:
                await self.flush()
                data = await self.carrier.receive()
                self.incoming.write(data) if data else self.incoming.write_eof()

    async def flush(self):
        if self.outgoing.pending:
            await self.carrier.send(self.outgoing.read())

    async def send(self, data):
        await self.until(self.tls.write, data)

    async def receive(self):
        try:
            return await self.until(self.tls.read, 16384)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def close(self):
        self.carrier.close()


class Exchange:
    """Requests, one after the other, over one connection."""

    def __init__(self, carrier):
        self.carrier, self.buffer = carrier, b""

    async def more(self):
        data = await self.carrier.receive()
        if not data:
            raise Disconnected(f"the stream ended after {self.buffer[:200]!r}")
        self.buffer += data

    async def request(self, method, path, body=None, **headers):
        """(status, headers by lower-case name, body)"""
        lines = [f"{method} {path} HTTP/1.1", "Host: node"] + [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        await self.carrier.send("\r\n".join([*lines, "", ""]).encode() + (body or b""))
        while b"\r\n\r\n" not in self.buffer:
            await self.more()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").split("\r\n")
        found = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in fields)}
        length = 0 if method == "HEAD" else int(found.get("content-length", 0))
        while len(self.buffer) < length:
            await self.more()
        content, self.buffer = self.buffer[:length], self.buffer[length:]
        return int(first.split()[1]), found, content

    async def get(self, path, **headers):
        return await self.request("GET", path, **headers)

    def close(self):
        self.carrier.close()
