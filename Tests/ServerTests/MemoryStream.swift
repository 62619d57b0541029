import CLinux
import EventLoop
import OpenPGP
@testable import Server
import Streams

/// A stream without a carrier: the test is the peer.
final class MemoryStream: Stream {
    let peerFingerprint: Fingerprint?
    let network: Network?
    var owner: (any StreamOwner)?
    /// What the peer sent and the server has not read.
    private var inbox: [UInt8] = []
    /// What the server sent.
    private(set) var outbox: [UInt8] = []
    /// Octets that the stream still takes.
    private var room: Int
    /// The most octets in one call.
    var stride = Int.max
    private(set) var waiting = StreamReadiness.receiving
    private(set) var isFinished = false
    private(set) var isClosed = false
    private(set) var calls = 0
    var hasEnded = false
    var hasFailed = false

    init(network: Network? = nil, room: Int = .max, peer: Fingerprint? = nil) {
        peerFingerprint = peer
        self.network = network
        self.room = room
    }

    func receive(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress {
        calls += 1
        if hasFailed { return .failed }
        if inbox.isEmpty { return hasEnded ? .ended : .blocked }
        let count = min(inbox.count, buffer.count, stride)
        guard count > 0 else { return .failed }
        buffer.copyBytes(from: inbox[0..<count])
        inbox.removeFirst(count)
        return .octets(count)
    }

    func send(_ octets: UnsafeRawBufferPointer, more: Bool) -> StreamProgress {
        calls += 1
        if hasFailed || isFinished { return .failed }
        let count = min(octets.count, room, stride)
        if count == 0 { return .blocked }
        outbox.append(contentsOf: octets[0..<count])
        room -= count
        return .octets(count)
    }

    func sendFile(_ file: Int32, offset: Int64, count: Int) -> StreamProgress {
        calls += 1
        if hasFailed || isFinished { return .failed }
        var buffer = [UInt8](repeating: 0, count: min(count, room, stride, 100_000))
        if buffer.isEmpty { return .blocked }
        let read = buffer.withUnsafeMutableBytes { maud_pread(file, $0.baseAddress, $0.count, offset) }
        if read <= 0 { return .failed }
        outbox.append(contentsOf: buffer[0..<read])
        room -= read
        return .octets(read)
    }

    func wait(for readiness: StreamReadiness) { waiting = readiness }
    func finishSending() { isFinished = true }
    func close() { isClosed = true }

    /// The peer sends octets; the server is told as long as it waits for them, as a loop would.
    func deliver(_ octets: [UInt8]) {
        inbox.append(contentsOf: octets)
        turn()
    }

    func deliver(_ text: String) { deliver(Array(text.utf8)) }

    /// The peer reads: `octets` more can be sent.
    func makeRoom(_ octets: Int) {
        room = room > .max - octets ? .max : room + octets
        turn()
    }

    /// The peer sends no more.
    func end() {
        hasEnded = true
        turn()
    }

    /// Tells the owner as long as what it waits for holds.
    func turn() {
        while let owner, !isClosed {
            if waiting == .nothing, !hasFailed { return }
            if waiting == .receiving ? inbox.isEmpty && !hasEnded && !hasFailed : room == 0 && !hasFailed { return }
            owner.streamIsReady()
        }
    }

    /// Takes what the server has sent.
    func take() -> [UInt8] {
        defer { outbox = [] }
        return outbox
    }

    /// Takes what the server has sent, as responses.
    func responses(toHead: Bool = false) -> [Response] { Response.parse(take(), toHead: toHead) }
}

/// A response as an independent, simple reader sees it.
struct Response: Equatable {
    var status: Int
    var fields: [String: String]
    var body: [UInt8]

    static func parse(_ octets: [UInt8], toHead: Bool = false) -> [Response] {
        var rest = octets[...]
        var responses: [Response] = []
        while !rest.isEmpty {
            guard let end = rest.indices.first(where: { rest[$0...].starts(with: Array("\r\n\r\n".utf8)) }) else { return responses }
            let lines = String(decoding: rest[..<end], as: UTF8.self).split(separator: "\r\n")
            var fields: [String: String] = [:]
            for line in lines.dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1)
                fields[parts[0].lowercased()] = parts[1].trimmed
            }
            let status = Int(lines[0].split(separator: " ")[1]) ?? 0
            let length = toHead || status == 304 ? 0 : Int(fields["content-length"] ?? "") ?? 0
            let body = rest[(end + 4)...].prefix(length)
            responses.append(Response(status: status, fields: fields, body: Array(body)))
            rest = rest[(end + 4)...].dropFirst(length)
        }
        return responses
    }
}

extension Substring {
    var trimmed: String { String(drop { $0 == " " }) }
}
