import CNghttp2
import HTTP
import System

/// What all HTTP/2 connections share: how libnghttp2 is set up (RFC 9113), and memory for the fields of one response.
///
/// libnghttp2 does frames, HPACK, flow control, and the rules of who may send what when. Requests are answered by `Responder`, as
/// those of HTTP/1.1 are.
final class HTTP2Library {
    private(set) var callbacks: OpaquePointer?
    private(set) var options: OpaquePointer?
    private let fields: UnsafeMutableBufferPointer<nghttp2_nv>
    private static let statusName: StaticString = ":status"

    /// SETTINGS, and GOAWAY with ENHANCE_YOUR_CALM and no stream processed: for a connection for which there is no place.
    static let noPlace: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0] + [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11]

    init() {
        fields = .allocate(capacity: 16)
        nghttp2_session_callbacks_new(&callbacks)
        nghttp2_option_new(&options)
        // Streams are not remembered when they are closed, nor by priority; what we send is not put into a table.
        nghttp2_option_set_no_closed_streams(options, 1)
        nghttp2_option_set_max_deflate_dynamic_table_size(options, 0)
        nghttp2_option_set_max_outbound_ack(options, 2 * Bounds.http2Nuisances)
        setReceivingCallbacks()
        setSendingCallbacks()
    }

    deinit {
        nghttp2_session_callbacks_del(callbacks)
        nghttp2_option_del(options)
        fields.deallocate()
    }

    /// The settings that a connection begins with.
    static func submitSettings(_ session: OpaquePointer?) -> Bool {
        func entry(_ id: nghttp2_settings_id, _ value: Int) -> nghttp2_settings_entry {
            nghttp2_settings_entry(settings_id: Int32(id.rawValue), value: UInt32(value))
        }
        let entries: InlineArray<4, nghttp2_settings_entry> = [
            entry(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, Bounds.http2Streams), entry(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, Bounds.http2Window),
            entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, Bounds.requestHead), entry(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
        ]
        return entries.span.withUnsafeBufferPointer { nghttp2_submit_settings(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), $0.baseAddress, $0.count) } == 0
    }

    /// The fields of a head as HTTP/1.1 writes it. Names become lower case where they lie; the result points there, and is good until the
    /// next call.
    ///
    /// - Returns: the fields, and where the head ends.
    func fields(ofHead octets: UnsafeMutableRawBufferPointer) -> (UnsafeMutableBufferPointer<nghttp2_nv>, Int) {
        // "HTTP/1.1 200 ..."
        fields[0] = field(UnsafeMutablePointer(mutating: HTTP2Library.statusName.utf8Start), HTTP2Library.statusName.utf8CodeUnitCount, octets, 9, 12)
        var count = 1, start = 9
        while start < octets.count, octets[start] != 0x0A { start += 1 }
        start += 1
        while start + 1 < octets.count, octets[start] != 0x0D, count < fields.count {
            var colon = start
            while octets[colon] != 0x3A {
                if octets[colon] >= 0x41, octets[colon] <= 0x5A { octets[colon] |= 0x20 }
                colon += 1
            }
            var end = colon + 2
            while octets[end] != 0x0D { end += 1 }
            let name = octets.baseAddress?.advanced(by: start).assumingMemoryBound(to: UInt8.self)
            fields[count] = field(name, colon - start, octets, colon + 2, end)
            count += 1
            start = end + 2
        }
        return (UnsafeMutableBufferPointer(rebasing: fields[0..<count]), start + 2)
    }

    /// Calls `body` with the one field of `100 Continue`.
    func withContinueField(_ body: (UnsafePointer<nghttp2_nv>) -> Void) {
        let value: StaticString = "100"
        var field = nghttp2_nv(name: UnsafeMutablePointer(mutating: HTTP2Library.statusName.utf8Start), value: UnsafeMutablePointer(mutating: value.utf8Start),
                               namelen: HTTP2Library.statusName.utf8CodeUnitCount, valuelen: value.utf8CodeUnitCount, flags: 0)
        body(&field)
    }

    private func field(_ name: UnsafeMutablePointer<UInt8>?, _ nameCount: Int, _ octets: UnsafeMutableRawBufferPointer, _ start: Int, _ end: Int) -> nghttp2_nv {
        nghttp2_nv(name: name, value: octets.baseAddress?.advanced(by: start).assumingMemoryBound(to: UInt8.self), namelen: nameCount, valuelen: end - start, flags: 0)
    }

    // MARK: Callbacks

    private func setReceivingCallbacks() {
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, owner in
            if let frame, isRequest(frame) { connection(owner)?.requestBegins() }
            return 0
        }
        nghttp2_session_callbacks_set_on_header_callback(callbacks) { _, frame, name, nameCount, value, valueCount, _, owner in
            guard let frame, isRequest(frame) else { return 0 }
            connection(owner)?.fields.add(UnsafeRawBufferPointer(start: name, count: nameCount), UnsafeRawBufferPointer(start: value, count: valueCount))
            return 0
        }
        nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks) { _, frame, _, _, _, _, _, owner in
            if let frame, isRequest(frame) { connection(owner)?.fields.refuse(.badOctet) }
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, owner in
            guard let frame, let connection = connection(owner) else { return 0 }
            switch UInt32(frame.pointee.hd.type) {
            case NGHTTP2_HEADERS.rawValue: if isRequest(frame) { connection.requestIsComplete(frame.pointee.hd.stream_id, endsHere: ends(frame)) }
            case NGHTTP2_PING.rawValue, NGHTTP2_SETTINGS.rawValue, NGHTTP2_PRIORITY.rawValue, NGHTTP2_RST_STREAM.rawValue: connection.nuisance()
            default: break
            }
            return 0
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, id, octets, count, owner in
            connection(owner)?.contentCame(id, UnsafeBufferPointer(start: octets, count: count))
            return 0
        }
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) { _, _, _, owner in
            connection(owner)?.nuisance()
            return 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, id, _, owner in
            connection(owner)?.streamIsClosed(id)
            return 0
        }
    }

    private func setSendingCallbacks() {
        nghttp2_session_callbacks_set_send_data_callback(callbacks) { _, frame, header, count, source, owner in
            guard let header, let exchange = exchange(source), connection(owner)?.write(header, count, of: exchange) == true else {
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
            }
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, owner in
            guard let frame, ends(frame), frame.pointee.hd.type <= 1 else { return 0 }
            connection(owner)?.responseIsSent(frame.pointee.hd.stream_id)
            return 0
        }
    }

    /// How much of a body goes into the next frame; `send_data_callback` puts it there.
    static let measure: nghttp2_data_source_read_callback = { _, _, _, most, flags, source, owner in
        guard let exchange = exchange(source), let connection = connection(owner), exchange.remaining > 0 else { return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue) }
        let room = connection.room
        guard room > 0 else { return Int(NGHTTP2_ERR_PAUSE.rawValue) }
        let count = min(Int64(min(most, room)), exchange.remaining)
        flags?.pointee = NGHTTP2_DATA_FLAG_NO_COPY.rawValue | (count == exchange.remaining ? NGHTTP2_DATA_FLAG_EOF.rawValue : 0)
        return Int(count)
    }
}

private func connection(_ owner: UnsafeMutableRawPointer?) -> HTTP2Connection? {
    owner.map { Unmanaged<HTTP2Connection>.fromOpaque($0).takeUnretainedValue() }
}

private func exchange(_ source: UnsafeMutablePointer<nghttp2_data_source>?) -> HTTP2Exchange? {
    source?.pointee.ptr.map { Unmanaged<HTTP2Exchange>.fromOpaque($0).takeUnretainedValue() }
}

/// Trailers are fields of a request that was answered: they decide nothing.
private func isRequest(_ frame: UnsafePointer<nghttp2_frame>) -> Bool {
    UInt32(frame.pointee.hd.type) == NGHTTP2_HEADERS.rawValue && frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST
}

private func ends(_ frame: UnsafePointer<nghttp2_frame>) -> Bool { UInt32(frame.pointee.hd.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0 }
