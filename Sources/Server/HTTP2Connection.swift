import CLinux
import CNghttp2
import HTTP
import Streams
import System

/// One HTTP/2 connection: many requests at once, each answered as HTTP/1.1 answers it.
///
/// Octets of responses are made when the stream takes them, one TLS record at a time in the server's shared buffer. Only what the stream
/// did not take stays in memory, at most that much.
final class HTTP2Connection: ServedConnection {
    private enum State { case open, draining, closed }

    let stream: any Streams.Stream
    unowned(unsafe) let server: Server
    let isFriend: Bool
    var isRefused: Bool { false }
    private(set) var since: Int64
    /// The request whose fields are arriving: one at a time, as they must come in a row (RFC 9113, section 6.10).
    var fields = RequestFields()
    private var fieldsSince: Int64?
    private var state = State.open
    private var session: OpaquePointer?
    private let memory = UnsafeMutablePointer<maud_bounded>.allocate(capacity: 1)
    private var exchanges: [HTTP2Exchange] = []
    /// What was made and not taken by the stream.
    private var unsent: [UInt8] = []
    /// Octets made in the shared buffer.
    private var filled = 0
    /// libnghttp2 is at work: it must not be called back into, nor freed.
    private var isInside = false
    private var isBroken = false
    private var peerHasEnded = false
    private var drained = 0
    /// Frames that bring nobody on: how many more are borne now, and since when they grow again.
    private var patience = Bounds.http2Nuisances
    private var patienceSince: Int64

    init(_ stream: any Streams.Stream, server: Server, isFriend: Bool) {
        self.stream = stream
        self.server = server
        self.isFriend = isFriend
        since = server.now
        patienceSince = server.now
        memory.initialize(to: maud_bounded(used: 0, limit: Bounds.http2Memory, most: 0))
    }

    deinit {
        if let session { nghttp2_session_del(session) }
        memory.deallocate()
    }

    /// Octets of responses that wait in memory.
    var keptOctets: Int { unsent.capacity }

    /// Octets that libnghttp2 has taken, and the most that it ever took.
    var memoryUsed: (now: Int, most: Int) { (memory.pointee.used, memory.pointee.most) }

    func start() {
        stream.owner = self
        var allocator = nghttp2_mem(mem_user_data: memory, malloc: maud_bounded_malloc, free: maud_bounded_free, calloc: maud_bounded_calloc, realloc: maud_bounded_realloc)
        let owner = Unmanaged.passUnretained(self).toOpaque()
        guard nghttp2_session_server_new3(&session, server.http2.callbacks, owner, server.http2.options, &allocator) == 0,
              HTTP2Library.submitSettings(session) else { return close() }
        flush()
        arm()
    }

    func streamIsReady() {
        server.startTurn()
        switch state {
        case .open:
            receive()
            flush()
            arm()
        case .draining: drain()
        case .closed: break
        }
    }

    private func arm() { if state != .closed { server.arm(deadline) } }

    // MARK: Ends

    var isIdle: Bool { state == .draining || (state == .open && exchanges.isEmpty && unsent.isEmpty && fieldsSince == nil) }

    var deadline: Int64 {
        switch state {
        case .closed: return .max
        case .draining: return since + Int64(Bounds.drainSeconds) * nanosecondsPerSecond
        case .open: break
        }
        var next = unsent.isEmpty && !exchanges.isEmpty ? .max : since + Int64(Bounds.idleSeconds) * nanosecondsPerSecond
        for exchange in exchanges { next = min(next, exchange.since + Int64(Bounds.idleSeconds) * nanosecondsPerSecond) }
        if let fieldsSince { next = min(next, fieldsSince + Int64(Bounds.requestHeadSeconds) * nanosecondsPerSecond) }
        return next
    }

    func isOverdue() {
        guard state == .open, !isIdle else { return close() }
        server.counters.timeouts += 1
        server.note("connection-timeout", server.counters.timeouts)
        // Octets that nobody takes leave nothing to say it with.
        guard unsent.isEmpty else { return close() }
        if fieldsSince != nil { terminate(NGHTTP2_ENHANCE_YOUR_CALM) }
        let latest = server.now - Int64(Bounds.idleSeconds) * nanosecondsPerSecond
        for exchange in exchanges where exchange.since <= latest { reset(exchange, NGHTTP2_CANCEL) }
        flush()
    }

    /// Says goodbye when that costs no waiting, and ends.
    func close() {
        guard state != .closed else { return }
        if isInside { return isBroken = true }
        if state == .open, !isBroken, unsent.isEmpty, session != nil {
            terminate(NGHTTP2_NO_ERROR)
            let count = fill()
            if count > 0 { _ = stream.send(made(count), more: false) }
        }
        state = .closed
        exchanges = []
        unsent = []
        stream.owner = nil
        stream.close()
        server.forget(self)
    }

    func finish() {
        guard state == .open, !isIdle, !isBroken else { return close() }
        // What the peer sends from now on is for another connection; it hears which streams are answered.
        nghttp2_submit_goaway(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nghttp2_session_get_last_proc_stream_id(session), NGHTTP2_NO_ERROR.rawValue, nil, 0)
        flush()
    }

    private func terminate(_ code: nghttp2_error_code) { if nghttp2_session_terminate_session(session, code.rawValue) != 0 { isBroken = true } }

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

    // MARK: Receiving

    private func receive() {
        switch stream.receive(into: server.input) {
        case .octets(let count):
            isInside = true
            let result = nghttp2_session_mem_recv(session, server.input.baseAddress?.assumingMemoryBound(to: UInt8.self), count)
            isInside = false
            if result < 0 { refuse(Int32(truncatingIfNeeded: result)) }
        case .blocked: break
        case .ended: peerHasEnded = true
        case .failed: isBroken = true
        }
    }

    /// libnghttp2 goes no further: what a peer gets wrong otherwise it answers by itself.
    private func refuse(_ error: Int32) {
        switch error {
        case NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue: terminate(NGHTTP2_PROTOCOL_ERROR)
        case NGHTTP2_ERR_NOMEM.rawValue, NGHTTP2_ERR_CALLBACK_FAILURE.rawValue: isBroken = true
        default: terminate(NGHTTP2_ENHANCE_YOUR_CALM) // too many acknowledgements, settings or continuations
        }
    }

    func requestBegins() {
        fields = RequestFields()
        fieldsSince = server.now
    }

    func requestIsComplete(_ id: Int32, endsHere: Bool) {
        var taken = RequestFields()
        swap(&taken, &fields)
        fieldsSince = nil
        let exchange = HTTP2Exchange(id, self)
        exchange.isHead = taken.isHead
        exchanges.append(exchange)
        taken.octets.withUnsafeBytes { octets in
            let head: RequestHead
            do throws(RequestDefect) { head = try taken.head(in: octets, endsHere: endsHere) } catch { return exchange.respond(error.status) }
            exchange.respond(to: head, in: octets)
        }
    }

    /// A frame has come that brings nobody on; one too many ends the connection.
    func nuisance() {
        let grown = (server.now - patienceSince) / (nanosecondsPerSecond / Int64(Bounds.http2NuisancesPerSecond))
        if grown > 0 {
            patience = Int(min(Int64(Bounds.http2Nuisances), Int64(patience) + grown))
            patienceSince = server.now
        }
        patience -= 1
        guard patience == 0 else { return }
        server.counters.floods += 1
        server.note("http2-flood", server.counters.floods)
        terminate(NGHTTP2_ENHANCE_YOUR_CALM)
    }

    func streamIsClosed(_ id: Int32) {
        guard let index = exchanges.firstIndex(where: { $0.id == id }) else { return fieldsSince = nil }
        exchanges[index].release()
        exchanges.remove(at: index)
        since = server.now
    }

    // MARK: Sending

    /// Queues a response. libnghttp2 copies the fields.
    func submit(_ exchange: HTTP2Exchange, _ fields: UnsafeMutableBufferPointer<nghttp2_nv>, _ hasBody: Bool) {
        var body = nghttp2_data_provider(source: nghttp2_data_source(ptr: Unmanaged.passUnretained(exchange).toOpaque()), read_callback: HTTP2Library.measure)
        let result = hasBody ? nghttp2_submit_response(session, exchange.id, fields.baseAddress, fields.count, &body)
            : nghttp2_submit_response(session, exchange.id, fields.baseAddress, fields.count, nil)
        if result != 0 { isBroken = true }
    }

    func reset(_ exchange: HTTP2Exchange, _ code: nghttp2_error_code) {
        if nghttp2_submit_rst_stream(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), exchange.id, code.rawValue) != 0 { isBroken = true }
    }

    /// A peer that goes on sending content behind the answer is told that nobody wants it (RFC 9113, section 8.1). A little of it is let
    /// through: there are clients that take this for an error of the answer.
    func contentCame(_ id: Int32, _ count: Int) {
        guard let exchange = exchanges.first(where: { $0.id == id }) else { return }
        exchange.contentCount += count
        if exchange.isSent, exchange.contentCount > Bounds.http2Window { reset(exchange, NGHTTP2_NO_ERROR) }
    }

    func responseIsSent(_ id: Int32) {
        guard let exchange = exchanges.first(where: { $0.id == id }) else { return }
        exchange.isSent = true
        exchange.since = server.now
        contentCame(id, 0)
    }

    var outdatedListing: Listing? {
        var oldest: Listing?
        for exchange in exchanges {
            if let listing = exchange.body.listing, !listing.isCurrent, listing.created < oldest?.created ?? .max { oldest = listing }
        }
        return oldest
    }

    func giveUp(_ listing: Listing) {
        for exchange in exchanges where exchange.body.listing === listing {
            exchange.release()
            reset(exchange, NGHTTP2_INTERNAL_ERROR)
        }
        // The shared buffer is in use: it goes out when the stream is ready.
        stream.wait(for: .sending)
    }

    /// Octets of a body for which the next frame has room.
    var room: Int { Bounds.http2Output - filled - 9 }

    /// Puts a DATA frame behind what is made already: its header, of 9 octets, and the next octets of the body.
    func write(_ header: UnsafePointer<UInt8>, _ count: Int, of exchange: HTTP2Exchange) -> Bool {
        let end = filled + 9 + count
        guard end <= server.output.count else { return false }
        UnsafeMutableRawBufferPointer(rebasing: server.output[filled...]).copyMemory(from: UnsafeRawBufferPointer(start: header, count: 9))
        guard exchange.read(into: UnsafeMutableRawBufferPointer(rebasing: server.output[filled + 9..<end])) else { return false }
        exchange.since = server.now
        filled = end
        return true
    }

    private func made(_ count: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: server.output[0..<count]) }

    /// Makes frames in the shared buffer; returns how many octets.
    private func fill() -> Int {
        filled = 0
        isInside = true
        while room > 0 {
            var octets: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &octets)
            // No frame but DATA is as long as a head; it could not be given back.
            if count < 0 || count > server.output.count - filled { isBroken = true }
            guard count > 0, !isBroken else { break }
            UnsafeMutableRawBufferPointer(rebasing: server.output[filled...]).copyMemory(from: UnsafeRawBufferPointer(start: octets, count: count))
            filled += count
        }
        isInside = false
        return filled
    }

    /// Sends as much as there is and the stream takes, or until the turn is over.
    private func flush() {
        guard state == .open else { return }
        if !unsent.isEmpty {
            var octets: [UInt8] = []
            swap(&octets, &unsent)
            let before = server.counters.octetsSent
            let isSent = octets.withUnsafeBytes { send($0) }
            if server.counters.octetsSent > before { since = server.now }
            guard isSent else { return }
        }
        var turn = Bounds.http2Turn
        while !isBroken {
            let count = fill()
            if count == 0 || isBroken { break }
            guard send(made(count)) else { return since = server.now }
            turn -= count
            if turn <= 0 { return stream.wait(for: .sending) }
        }
        if isBroken { return close() }
        if nghttp2_session_want_read(session) == 0, nghttp2_session_want_write(session) == 0 { return end() }
        if peerHasEnded { return close() }
        stream.wait(for: .receiving)
    }

    /// Sends these octets, or keeps what the stream does not take and returns false.
    private func send(_ octets: UnsafeRawBufferPointer) -> Bool {
        var sent = 0
        while sent < octets.count {
            switch stream.send(UnsafeRawBufferPointer(rebasing: octets[sent...]), more: false) {
            case .octets(let count):
                sent += count
                server.counters.octetsSent += UInt64(count)
            case .blocked:
                unsent = Array(octets[sent...])
                stream.wait(for: .sending)
                return false
            case .ended, .failed:
                isBroken = true
                close()
                return false
            }
        }
        return true
    }

    /// The last octet is sent: what still arrives is dropped, so that closing does not destroy it on its way.
    private func end() {
        state = .draining
        since = server.now
        exchanges = []
        stream.finishSending()
        stream.wait(for: .receiving)
        drain()
    }
}
