import Streams
import System

/// What follows a head: a stretch of a file or of a listing, or nothing.
struct Body {
    /// Keeps the descriptor open as long as it is being sent.
    private(set) var file: OpenFile?
    private(set) var listing: Listing?
    var offset: Int64 = 0
    var count: Int64 = 0
    /// One more octet after the stretch: the end of an array that is sent in part.
    var last: UInt8?

    /// No body, or one that went out with the head.
    init() {}

    var isEmpty: Bool { count == 0 && last == nil }

    init(file: OpenFile, offset: Int64, count: Int64) {
        self.file = file
        self.offset = offset
        self.count = count
    }

    init(listing: Listing, offset: Int64, count: Int64, last: UInt8?) {
        file = listing.file
        self.listing = listing
        self.offset = offset
        self.count = count
        self.last = last
    }
}

/// An open descriptor with several users; closed with the last.
final class OpenFile {
    let descriptor: FileDescriptor
    init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
}

/// A response on its way. It holds no part of a body in memory but what fitted no more behind the head.
final class Transmission {
    enum Outcome { case done, blocked, turnIsOver, failed }

    private(set) var body: Body
    /// Octets before the body: those given at first, then a copy of what was left of them.
    private var kept: [UInt8] = []
    private var sent: Int
    private var count: Int

    /// - Parameter sent: how many of the octets before the body went out already.
    init(_ octets: UnsafeRawBufferPointer, sent: Int, _ body: consuming Body) {
        self.body = body
        self.sent = sent
        count = octets.count
    }

    /// Octets that are still to be sent.
    var remaining: Int64 { Int64(count - sent) + body.count + (body.last == nil ? 0 : 1) }

    /// Sends as much as the stream takes, or until the turn is over.
    ///
    /// - Parameter first: the octets before the body as given to `init`, at the first call.
    func advance(_ stream: any Stream, _ octetsSent: inout UInt64, first: UnsafeRawBufferPointer?) -> Outcome {
        var turn = Bounds.sendTurn
        while remaining > 0 {
            if turn <= 0 { return .turnIsOver }
            switch step(stream, first) {
            case .octets(let count):
                octetsSent += UInt64(count)
                turn -= count
            case .blocked: return .blocked
            case .ended, .failed: return .failed
            }
        }
        return .done
    }

    /// Copies what was not sent of the octets before the body, because their memory is about to be used again.
    func keepUnsent(of octets: UnsafeRawBufferPointer) {
        guard sent < count else { return }
        kept = Array(octets[sent...])
        count -= sent
        sent = 0
    }

    private func step(_ stream: any Stream, _ first: UnsafeRawBufferPointer?) -> StreamProgress {
        if sent < count {
            let more = body.count > 0 || body.last != nil
            let progress = if let first { stream.send(UnsafeRawBufferPointer(rebasing: first[sent...]), more: more) } else {
                kept.withUnsafeBytes { stream.send(UnsafeRawBufferPointer(rebasing: $0[sent...]), more: more) }
            }
            if case .octets(let octets) = progress {
                sent += octets
                if sent == count { kept = [] }
            }
            return progress
        }
        if body.count > 0, let file = body.file {
            let progress = stream.sendFile(file.descriptor.rawValue, offset: body.offset, count: Int(min(body.count, Int64(Bounds.sendTurn))))
            if case .octets(let octets) = progress {
                body.offset += Int64(octets)
                body.count -= Int64(octets)
            }
            return progress
        }
        guard let last = body.last else { return .failed }
        let progress = withUnsafeBytes(of: last) { stream.send($0, more: false) }
        if case .octets = progress { body.last = nil }
        return progress
    }
}
