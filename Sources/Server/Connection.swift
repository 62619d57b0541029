import HTTP
import Streams
import System
import TLS

/// One HTTP/1.1 connection: waits for a head, answers it, sends, and so on in order, whatever its stream is.
final class Connection: Responder, ServedConnection {
    enum State {
        /// Between requests, with nothing received of the next.
        case idle
        /// A part of a head has arrived.
        case reading
        /// The content of a request arrives.
        case uploading
        /// A file that was received is being judged: nothing is waited for but that.
        case judging
        /// A response waits for the stream. Nothing is read meanwhile, so requests wait in the peer.
        case sending
        /// The last response is sent; what still arrives is dropped until the peer closes.
        case draining
        case closed
    }

    /// Answered 503 at once, because all places are taken.
    let isRefused: Bool
    /// The peer was a friend when it came. What it sees is looked up at each request.
    let isFriend: Bool
    private let speaking: ApplicationProtocol
    private(set) var state = State.idle
    /// Nanoseconds since boot: when the state began, or of the last progress when sending.
    private(set) var since: Int64
    /// What was received and not answered: a part of a head, or requests behind the one being answered. At most
    /// `Bounds.requestHead` octets, and no memory at all when idle.
    private var pending: [UInt8] = []
    private var scanner = HeadScanner()
    private var transmission: Transmission?
    private var drained = 0

    /// - Parameter speaking: the peer may speak HTTP/2 when it is refused.
    init(_ stream: any Stream, server: Server, isRefused: Bool, isFriend: Bool, speaking: ApplicationProtocol = .http1) {
        self.speaking = speaking
        self.isRefused = isRefused
        self.isFriend = isFriend
        since = server.now
        super.init(stream, server)
    }

    /// Whether it may be closed to make room: nothing of a request or of a response would be lost.
    var isIdle: Bool { (state == .idle || state == .draining) && !isRefused }

    /// Octets of requests that wait in memory.
    var keptOctets: Int { pending.capacity }

    var outdatedListing: Listing? {
        guard let listing = transmission?.body.listing, !listing.isCurrent else { return nil }
        return listing
    }

    func giveUp(_ listing: Listing) { close() }

    /// When something must have happened, in nanoseconds since boot.
    var deadline: Int64 {
        let seconds = switch state {
        case .idle, .sending: Bounds.idleSeconds
        case .reading: Bounds.requestHeadSeconds
        case .uploading: Bounds.putSeconds
        case .draining: Bounds.drainSeconds
        case .judging, .closed: Int(Int32.max)
        }
        return since + Int64(seconds) * nanosecondsPerSecond
    }

    /// Begins to wait for requests, or says that there is no place.
    func start() {
        stream.owner = self
        enter(.idle)
        guard isRefused else { return }
        if speaking == .http1 { return refuse(.serviceUnavailable) }
        closesAfterResponse = true
        HTTP2Library.noPlace.withUnsafeBytes { send($0, Body()) }
    }

    func streamIsReady() {
        server.startTurn()
        switch state {
        case .idle, .reading: receive()
        case .uploading: receiveContent()
        case .judging: close() // only a broken stream is told of; what is being judged goes on
        case .sending: continueSending()
        case .draining: drain()
        case .closed: break
        }
    }

    /// The deadline has passed.
    func isOverdue() {
        switch state {
        case .idle, .draining: close()
        case .reading, .uploading:
            server.counters.timeouts += 1
            server.note("connection-timeout", server.counters.timeouts)
            refuse(.requestTimeout)
        case .sending:
            server.counters.timeouts += 1
            server.note("connection-timeout", server.counters.timeouts)
            close()
        case .judging, .closed: break
        }
    }

    /// Ends the connection at once.
    override func close() {
        guard state != .closed else { return }
        state = .closed
        transmission = nil
        upload = nil
        pending = []
        stream.owner = nil
        stream.close()
        server.forget(self)
    }

    /// The server ends: a response on its way is the last one, and without one there is nothing to wait for.
    func finish() {
        switch state {
        case .idle, .reading, .uploading: close()
        case .judging: upload?.keepsAlive = false
        case .sending: closesAfterResponse = true
        case .draining, .closed: break
        }
    }

    func enter(_ state: State) {
        guard self.state != .closed else { return }
        self.state = state
        since = server.now
        server.arm(deadline)
    }

    // MARK: Receiving

    private func receive() {
        let filled = restorePending()
        switch stream.receive(into: UnsafeMutableRawBufferPointer(rebasing: server.input[filled...])) {
        case .octets(let count): consume(filled + count)
        case .blocked: keep(0, filled)
        case .ended:
            // The peer has sent its last octet: half a head gets its answer all the same.
            if filled > 0 { refuse(.badRequest) } else { close() }
        case .failed: close()
        }
    }

    /// Puts what waits back to the start of the shared buffer; returns how many octets.
    func restorePending() -> Int {
        let count = pending.count
        if count > 0 {
            server.input.copyBytes(from: pending)
            pending = []
        }
        return count
    }

    func keep(_ start: Int, _ end: Int) {
        if end > start { pending = Array(server.input[start..<end]) }
    }

    /// Answers the complete requests in the first `filled` octets of the shared buffer, in order, until one response has to
    /// wait, and keeps the rest.
    func consume(_ filled: Int) {
        let input = UnsafeRawBufferPointer(server.input)
        var start = 0
        while true {
            if !scanner.hasRequestLine { start += HeadScanner.emptyLines(at: UnsafeRawBufferPointer(rebasing: input[start..<filled])) }
            let rest = UnsafeRawBufferPointer(rebasing: input[start..<filled])
            let head: RequestHead
            do throws(RequestDefect) {
                guard let end = try scanner.end(in: rest) else { break }
                head = try RequestHead(parsing: UnsafeRawBufferPointer(rebasing: rest[0..<end]))
            } catch { return refuse(error.status) }
            scanner = HeadScanner()
            start += head.count
            closesAfterResponse = !head.keepsAlive || head.hasContent
            isHead = head.method == .head
            saysKeepAlive = head.minorVersion == 0 && head.keepsAlive
            respond(to: head, in: rest)
            if state == .closed || state == .draining { return }
            if state == .sending { return keep(start, filled) }
            if state == .uploading { return takeContent(start, filled) }
        }
        if start == 0, filled == input.count { return refuse((scanner.hasRequestLine ? RequestDefect.headTooLong : .requestLineTooLong).status) }
        keep(start, filled)
        if filled == start { if state != .idle || start > 0 { enter(.idle) } } else if state != .reading || start > 0 { enter(.reading) }
    }

    override func expectContent(saysContinue: Bool) {
        enter(.uploading)
        guard saysContinue else { return }
        // What does not fit a stream that has just been idle does not matter: clients send their content after a while all the same.
        let line: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"
        _ = stream.send(UnsafeRawBufferPointer(start: line.utf8Start, count: line.utf8CodeUnitCount), more: false)
    }

    /// Answers, and goes on with what waits behind.
    override func isJudged(_ upload: Upload, _ result: UploadResult) {
        guard state == .judging else { return }
        server.startTurn()
        self.upload = nil
        closesAfterResponse = !upload.keepsAlive
        stream.wait(for: .receiving)
        enter(.idle)
        respond(to: upload, result)
        if state == .idle { consume(restorePending()) }
    }

    // MARK: Sending

    /// Sends `octets` and then `body`. What the stream does not take now is kept: of the octets a copy, of the body only where it goes on.
    override func send(_ octets: UnsafeRawBufferPointer, _ body: consuming Body) {
        var sent = 0
        if body.isEmpty {
            // Nearly every response goes out whole, without a trace of it in memory.
            switch stream.send(octets, more: false) {
            case .octets(let count):
                server.counters.octetsSent += UInt64(count)
                if count == octets.count { return responseIsSent() }
                sent = count
            case .blocked: break
            case .ended, .failed: return close()
            }
        }
        let transmission = Transmission(octets, sent: sent, body)
        switch transmission.advance(stream, &server.counters.octetsSent, first: octets) {
        case .done: responseIsSent()
        case .failed: close()
        case .blocked, .turnIsOver:
            transmission.keepUnsent(of: octets)
            self.transmission = transmission
            stream.wait(for: .sending)
            enter(.sending)
        }
    }

    private func continueSending() {
        guard let transmission else { return close() }
        let before = transmission.remaining
        switch transmission.advance(stream, &server.counters.octetsSent, first: nil) {
        case .blocked, .turnIsOver: if transmission.remaining < before { enter(.sending) }
        case .failed: close()
        case .done:
            self.transmission = nil
            stream.wait(for: .receiving)
            enter(.idle)
            responseIsSent()
            if state == .idle { consume(restorePending()) }
        }
    }

    private func responseIsSent() {
        guard closesAfterResponse else { return }
        // Only a peer that has nothing more to say can be left without waiting: closing with unread octets resets the
        // connection and may take the response with it (RFC 9112, section 9.6).
        stream.finishSending()
        pending = []
        enter(.draining)
        drain()
    }

    /// Answers with an error and ends the connection.
    func refuse(_ status: Status, retryAfter: Int = 1) {
        upload = nil
        scanner = HeadScanner()
        closesAfterResponse = true
        isHead = false
        respond(status, retryAfter: retryAfter)
    }

    private func drain() {
        while drained < Bounds.drainOctets {
            switch stream.receive(into: server.input) {
            case .octets(let count): drained += count
            case .blocked: return
            case .ended, .failed: return close()
            }
        }
        close()
    }
}
