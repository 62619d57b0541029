import EventLoop
import Foundation
import OpenPGP
import System
import Testing
import TLS
@testable import Server
import Streams

/// A stream that is TLS or plain HTTP by its first octet (docs/bluetooth.md, 5.2).
@Suite struct FirstOctetTests {
    private let harness: Harness
    private let context: TLSContext
    private let handshakes: Handshakes

    init() throws {
        harness = try Harness([("a.pgp", publicFile(550), 1)])
        context = try FirstOctetTests.context("alice", harness.loop)
        handshakes = Handshakes(context: context, server: harness.server, loop: harness.loop)
    }

    private static func context(_ user: String, _ loop: EventLoop) throws -> TLSContext {
        let path = "/" + #filePath.split(separator: "/").dropLast(2).joined(separator: "/") + "/Fixtures/secret/\(user).gpg"
        let key = try SigningKey()
        try Array(#require(FileManager.default.contents(atPath: path))).withUnsafeBytes { try key.fill(fromExport: $0) }
        return try TLSContext(key: key, protocols: [.http1], loop: loop)
    }

    private var request: String { "GET \(harness.base)/a.pgp HTTP/1.1\r\nHost: x\r\n\r\n" }

    /// The first octet alone, and together with others.
    @Test(arguments: [1, 5, 1000]) func plain(_ size: Int) throws {
        let stream = MemoryStream()
        handshakes.beginByFirstOctet(stream)
        #expect(handshakes.count == 1 && harness.server.openConnections == 0)
        var rest = Array(request.utf8)[...]
        while !rest.isEmpty {
            stream.deliver(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
            #expect(handshakes.count == 0 && harness.server.openConnections == 1)
        }
        #expect(stream.responses().first?.body.count == 550)
        stream.end()
        #expect(stream.isClosed && stream.owner == nil && harness.server.openConnections == 0)
    }

    @Test(arguments: [1, 3, 5000]) func tls(_ stride: Int) throws {
        let stream = MemoryStream()
        stream.stride = stride
        handshakes.beginByFirstOctet(stream)
        let client = TLSStream(over: Peer(stream), .client(try #require(Fingerprint(Harness.fingerprint))), context: try FirstOctetTests.context("carol", harness.loop))
        var result: TLSError??
        client.start { result = .some($0) }
        for _ in 0..<100 where result == nil { client.streamIsReady() }
        #expect(result == .some(nil) && handshakes.count == 0 && harness.server.openConnections == 1)
        #expect(Array(request.utf8).withUnsafeBytes { client.send($0, more: false) } == .octets(request.utf8.count))
        var answer = [UInt8](repeating: 0, count: 2000)
        guard case .octets(let count) = answer.withUnsafeMutableBytes({ client.receive(into: $0) }) else { throw NoAnswer() }
        #expect(String(decoding: answer[..<count], as: UTF8.self).hasPrefix("HTTP/1.1 200"))
        client.close()
    }

    private struct NoAnswer: Error {}

    @Test func nothingComes() throws {
        let stream = MemoryStream(), gone = MemoryStream(), broken = MemoryStream()
        for one in [stream, gone, broken] { handshakes.beginByFirstOctet(one) }
        gone.end()
        broken.hasFailed = true
        broken.turn()
        #expect(gone.isClosed && broken.isClosed && handshakes.count == 1)
        try harness.advance(seconds: 9)
        #expect(!stream.isClosed)
        try harness.advance(seconds: 2)
        #expect(stream.isClosed && handshakes.count == 0 && handshakes.counters.timeouts == 1 && harness.server.openConnections == 0)
    }

    /// A flood of them ends the oldest.
    @Test func bound() throws {
        let streams = (0..<Bounds.handshakes + 3).map { _ in MemoryStream() }
        for stream in streams { handshakes.beginByFirstOctet(stream) }
        #expect(handshakes.count == Bounds.handshakes && streams.prefix(3).allSatisfy { $0.isClosed } && !streams[3].isClosed)
        handshakes.close()
        #expect(streams.allSatisfy { $0.isClosed })
    }

    /// The other end of a stream in memory.
    private final class Peer: Streams.Stream {
        let stream: MemoryStream
        private var inbox: [UInt8] = []
        var peerFingerprint: Fingerprint? { nil }
        var network: Network? { nil }
        var owner: (any StreamOwner)?

        init(_ stream: MemoryStream) { self.stream = stream }

        func receive(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress {
            stream.turn()
            inbox += stream.take()
            let count = min(inbox.count, buffer.count)
            buffer.copyBytes(from: inbox[..<count])
            inbox.removeFirst(count)
            return count > 0 ? .octets(count) : .blocked
        }
        func send(_ octets: UnsafeRawBufferPointer, more: Bool) -> StreamProgress {
            stream.deliver(Array(octets))
            return .octets(octets.count)
        }
        func sendFile(_ file: Int32, offset: Int64, count: Int) -> StreamProgress { .failed }
        func wait(for readiness: StreamReadiness) {}
        func finishSending() {}
        func close() {}
    }
}
