import CNghttp2
import Streams
import System

/// How responses of an HTTP/2 connection go out.
extension HTTP2Connection {
    /// Queues a response. libnghttp2 copies the fields.
    func submit(_ exchange: HTTP2Exchange, _ fields: UnsafeMutableBufferPointer<nghttp2_nv>, _ hasBody: Bool) {
        var body = nghttp2_data_provider(source: nghttp2_data_source(ptr: Unmanaged.passUnretained(exchange).toOpaque()), read_callback: HTTP2Library.measure)
        let result = hasBody ? nghttp2_submit_response(session, exchange.id, fields.baseAddress, fields.count, &body)
            : nghttp2_submit_response(session, exchange.id, fields.baseAddress, fields.count, nil)
        if result != 0 { isBroken = true }
    }

    /// `100 Continue`: the client may send its content (RFC 9113, section 8.1).
    func submitContinue(_ id: Int32) {
        server.http2.withContinueField { field in
            if nghttp2_submit_headers(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), id, nil, field, 1, nil) != 0 { isBroken = true }
        }
    }

    func reset(_ exchange: HTTP2Exchange, _ code: nghttp2_error_code) {
        if nghttp2_submit_rst_stream(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), exchange.id, code.rawValue) != 0 { isBroken = true }
    }

    /// A peer that goes on sending content behind the answer is told that nobody wants it (RFC 9113, section 8.1). A little of it is let
    /// through: there are clients that take this for an error of the answer.
    func contentCame(_ id: Int32, _ octets: UnsafeBufferPointer<UInt8>) {
        guard let exchange = exchanges.first(where: { $0.id == id }) else { return }
        exchange.take(octets)
        if exchange.isSent, exchange.unreadCount > Bounds.http2Window { reset(exchange, NGHTTP2_NO_ERROR) }
    }

    func responseIsSent(_ id: Int32) {
        guard let exchange = exchanges.first(where: { $0.id == id }) else { return }
        exchange.isSent = true
        exchange.since = server.now
        contentCame(id, UnsafeBufferPointer(start: nil, count: 0))
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

    func made(_ count: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: server.output[0..<count]) }

    /// Makes frames in the shared buffer; returns how many octets.
    func fill() -> Int {
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
    func flush() {
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
        releaseAll()
        stream.finishSending()
        stream.wait(for: .receiving)
        drain()
    }
}
