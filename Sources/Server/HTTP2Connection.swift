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
    enum State { case open, draining, closed }

    let stream: any Streams.Stream
    unowned(unsafe) let server: Server
    let isFriend: Bool
    var isRefused: Bool { false }
    var since: Int64
    /// The request whose fields are arriving: one at a time, as they must come in a row (RFC 9113, section 6.10).
    var fields = RequestFields()
    private var fieldsSince: Int64?
    var state = State.open
    var session: OpaquePointer?
    private let memory = UnsafeMutablePointer<maud_bounded>.allocate(capacity: 1)
    var exchanges: [HTTP2Exchange] = []
    /// What was made and not taken by the stream.
    var unsent: [UInt8] = []
    /// Octets made in the shared buffer.
    var filled = 0
    /// libnghttp2 is at work: it must not be called back into, nor freed.
    var isInside = false
    var isBroken = false
    var peerHasEnded = false
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

    /// A request whose content was judged meanwhile gets its answer.
    func answer(_ respond: () -> Void) {
        // Judged at once: what is made now goes out with everything else.
        if isInside { return respond() }
        guard state == .open else { return }
        server.startTurn()
        respond()
        flush()
        arm()
    }

    func releaseAll() {
        for exchange in exchanges { exchange.release() }
        exchanges = []
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
        for exchange in exchanges { next = min(next, exchange.deadline) }
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
        for exchange in exchanges where exchange.deadline <= server.now { exchange.isOverdue() }
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
        releaseAll()
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

    func drain() {
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
}
