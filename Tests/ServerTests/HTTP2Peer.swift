import CNghttp2
@testable import Server

/// The other end of an HTTP/2 connection: libnghttp2's client over a stream in memory.
final class HTTP2Peer {
    struct Answer: Equatable {
        var fields: [String] = []
        var body: [UInt8] = []
        var isComplete = false
        /// The code of the RST_STREAM that ended it.
        var reset: UInt32?

        var status: Int { Int(self[":status"] ?? "") ?? 0 }
        subscript(name: String) -> String? { fields.first { $0.hasPrefix(name + ": ") }.map { String($0.dropFirst(name.count + 2)) } }
    }

    let stream: MemoryStream
    var answers: [Int32: Answer] = [:]
    /// The code of the GOAWAY that came.
    var goAway: UInt32?
    var lastStream: Int32?
    var settings: [Int32: UInt32] = [:]
    var bodyOctets = 0
    private var session: OpaquePointer?
    private var contents: [Int32: Content] = [:]

    /// - Parameter window: octets of a body, and of all bodies, that are taken before more is asked for.
    init(_ stream: MemoryStream, window: Int32 = 1 << 24, asksForMore: Bool = true) {
        self.stream = stream
        var callbacks: OpaquePointer?, options: OpaquePointer?
        nghttp2_session_callbacks_new(&callbacks)
        nghttp2_option_new(&options)
        nghttp2_option_set_no_auto_window_update(options, asksForMore ? 0 : 1)
        nghttp2_session_callbacks_set_on_header_callback(callbacks) { _, frame, name, nameCount, value, valueCount, _, owner in
            let line = String(decoding: UnsafeBufferPointer(start: name, count: nameCount), as: UTF8.self) + ": "
                + String(decoding: UnsafeBufferPointer(start: value, count: valueCount), as: UTF8.self)
            peer(owner).answers[frame!.pointee.hd.stream_id, default: Answer()].fields.append(line)
            return 0
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, id, data, count, owner in
            peer(owner).answers[id, default: Answer()].body.append(contentsOf: UnsafeBufferPointer(start: data, count: count))
            peer(owner).bodyOctets += count
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, owner in
            let frame = frame!.pointee
            switch frame.hd.type {
            case 0, 1: if frame.hd.flags & 1 != 0 { peer(owner).answers[frame.hd.stream_id, default: Answer()].isComplete = true }
            case 3: peer(owner).answers[frame.hd.stream_id, default: Answer()].reset = frame.rst_stream.error_code
            case 4: for index in 0..<frame.settings.niv { peer(owner).settings[frame.settings.iv[index].settings_id] = frame.settings.iv[index].value }
            case 7:
                peer(owner).goAway = frame.goaway.error_code
                peer(owner).lastStream = frame.goaway.last_stream_id
            default: break
            }
            return 0
        }
        nghttp2_session_client_new2(&session, callbacks, Unmanaged.passUnretained(self).toOpaque(), options)
        nghttp2_session_callbacks_del(callbacks)
        nghttp2_option_del(options)
        var entry = nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue), value: UInt32(window))
        nghttp2_submit_settings(session, 0, &entry, 1)
        if window > 65535 { nghttp2_session_set_local_window_size(session, 0, 0, window) }
    }

    deinit { nghttp2_session_del(session) }

    /// Queues a request; `fields` are "name: value". Returns its stream.
    ///
    /// - Parameter isWhole: nothing comes behind `content`; else `give` sends more of it.
    @discardableResult
    func submit(_ method: String = "GET", _ path: String, _ fields: [String] = [], authority: String? = "x", content: [UInt8]? = nil,
                isWhole: Bool = true) -> Int32 {
        var all = [(":method", method), (":scheme", "https"), (":path", path)]
        if let authority { all.append((":authority", authority)) }
        for field in fields {
            let colon = field.dropFirst().firstIndex(of: ":")!
            all.append((String(field[..<colon]).lowercased(), String(field[colon...].dropFirst().drop { $0 == " " })))
        }
        var keep: [[UInt8]] = []
        for (name, value) in all { keep += [Array(name.utf8) + [0], Array(value.utf8) + [0]] }
        let pointers = keep.map { octets in
            let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: octets.count)
            copy.update(from: octets, count: octets.count)
            return copy
        }
        defer { for pointer in pointers { pointer.deallocate() } }
        let pairs = stride(from: 0, to: keep.count, by: 2).map {
            nghttp2_nv(name: pointers[$0], value: pointers[$0 + 1], namelen: keep[$0].count - 1, valuelen: keep[$0 + 1].count - 1, flags: 0)
        }
        guard let content else { return nghttp2_submit_request(session, nil, pairs, pairs.count, nil, nil) }
        let kept = Content(content, isWhole)
        let box = Unmanaged.passUnretained(kept).toOpaque()
        var provider = nghttp2_data_provider(source: nghttp2_data_source(ptr: box)) { _, _, buffer, count, flags, source, _ in
            let content = Unmanaged<Content>.fromOpaque(source!.pointee.ptr).takeUnretainedValue()
            let part = min(count, content.octets.count)
            if part == 0, !content.isWhole { return Int(NGHTTP2_ERR_DEFERRED.rawValue) }
            buffer?.update(from: Array(content.octets.prefix(part)), count: part)
            content.octets.removeFirst(part)
            if content.octets.isEmpty, content.isWhole { flags?.pointee = NGHTTP2_DATA_FLAG_EOF.rawValue }
            return part
        }
        let id = nghttp2_submit_request(session, nil, pairs, pairs.count, &provider, nil)
        contents[id] = kept
        return id
    }

    /// More content of a request that is not whole.
    func give(_ id: Int32, _ octets: [UInt8], isWhole: Bool = false) {
        contents[id]?.octets += octets
        contents[id]?.isWhole = isWhole
        nghttp2_session_resume_data(session, id)
    }

    func reset(_ id: Int32) { nghttp2_submit_rst_stream(session, 0, id, NGHTTP2_CANCEL.rawValue) }
    func ping() { nghttp2_submit_ping(session, 0, nil) }
    func changeSettings() { nghttp2_submit_settings(session, 0, nil, 0) }
    func askForMore(_ id: Int32, _ octets: Int32) { nghttp2_submit_window_update(session, 0, id, octets) }

    /// What this end wants to send now.
    func octets() -> [UInt8] {
        var out: [UInt8] = []
        var pointer: UnsafePointer<UInt8>?
        while case let count = nghttp2_session_mem_send(session, &pointer), count > 0 { out += UnsafeBufferPointer(start: pointer, count: count) }
        return out
    }

    /// Takes what the server has sent; false when it is not HTTP/2.
    @discardableResult
    func take() -> Bool {
        let octets = stream.take()
        return nghttp2_session_mem_recv(session, octets, octets.count) == octets.count
    }

    /// Sends and receives until neither has anything to say.
    @discardableResult
    func run() -> Self {
        repeat {
            let out = octets()
            if !out.isEmpty { stream.deliver(out) }
            take()
        } while nghttp2_session_want_write(session) != 0 && !stream.isClosed
        return self
    }

    /// The answer to one request.
    func request(_ method: String = "GET", _ path: String, _ fields: [String] = [], authority: String? = "x", content: [UInt8]? = nil) -> Answer {
        let id = submit(method, path, fields, authority: authority, content: content)
        run()
        return answers[id] ?? Answer()
    }

    private final class Content {
        var octets: [UInt8]
        var isWhole: Bool
        init(_ octets: [UInt8], _ isWhole: Bool) {
            self.octets = octets
            self.isWhole = isWhole
        }
    }
}

private func peer(_ owner: UnsafeMutableRawPointer?) -> HTTP2Peer { Unmanaged<HTTP2Peer>.fromOpaque(owner!).takeUnretainedValue() }
