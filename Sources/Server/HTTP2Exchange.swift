import CLinux
import CNghttp2
import HTTP
import System

/// One request of an HTTP/2 connection, and its answer on the way.
final class HTTP2Exchange: Responder {
    let id: Int32
    unowned(unsafe) let connection: HTTP2Connection
    /// Octets of content that came and that nobody reads.
    var unreadCount = 0
    /// The stream is closed: what is still being judged has nobody to be told.
    private var isGone = false
    private var isBeingJudged = false
    /// The answer is sent to its end.
    var isSent = false
    /// Nanoseconds since boot of the last progress; of content that arrives: of its beginning, as all of it has its time together.
    var since: Int64
    /// Octets before the body: the text of an error, an opening bracket.
    private var first: [UInt8] = []
    private var sent = 0
    private(set) var body = Body()

    init(_ id: Int32, _ connection: HTTP2Connection) {
        self.id = id
        self.connection = connection
        since = connection.server.now
        super.init(connection.stream, connection.server)
    }

    /// Nothing is read before the peer's window lets it go out.
    override var inlineBody: Int { 0 }

    override func send(_ octets: UnsafeRawBufferPointer, _ body: consuming Body) {
        // They lie at the start of the shared buffer, of which this is the only user now.
        let head = UnsafeMutableRawBufferPointer(rebasing: server.output[0..<octets.count])
        let (fields, end) = server.http2.fields(ofHead: head)
        first = Array(octets[end...])
        self.body = body
        connection.submit(self, fields, remaining > 0)
    }

    override func expectContent(saysContinue: Bool) { if saysContinue { connection.submitContinue(id) } }

    /// Octets of content have come.
    func take(_ octets: UnsafeBufferPointer<UInt8>) {
        guard let upload, !isBeingJudged else { return unreadCount += octets.count }
        let taken = min(octets.count, upload.count - upload.octets.count)
        upload.octets.append(contentsOf: octets[0..<taken])
        guard upload.octets.count == upload.count else { return }
        isBeingJudged = true
        judge(upload)
    }

    override func isJudged(_ upload: Upload, _ result: UploadResult) {
        isBeingJudged = false
        self.upload = nil
        guard !isGone else { return }
        since = server.now
        connection.answer { respond(to: upload, result) }
    }

    /// When something must have happened, in nanoseconds since boot.
    var deadline: Int64 {
        if isBeingJudged { return .max }
        return since + Int64(upload == nil ? Bounds.idleSeconds : Bounds.putSeconds) * nanosecondsPerSecond
    }

    /// The deadline has passed.
    func isOverdue() {
        guard upload != nil else { return connection.reset(self, NGHTTP2_CANCEL) }
        upload = nil
        respond(.requestTimeout)
    }

    override func close() { connection.reset(self, NGHTTP2_INTERNAL_ERROR) }

    /// Octets that are still to be sent.
    var remaining: Int64 { Int64(first.count - sent) + body.count + (body.last == nil ? 0 : 1) }

    /// The peer or we gave it up: what it holds is of no use any more.
    func release() {
        isGone = true
        upload = nil
        body = Body()
        first = []
        sent = 0
    }

    /// Reads the next octets, as many as `memory` has; false when the file has become shorter.
    func read(into memory: UnsafeMutableRawBufferPointer) -> Bool {
        var filled = min(memory.count, first.count - sent)
        if filled > 0 {
            memory.copyBytes(from: first[sent..<sent + filled])
            sent += filled
        }
        let part = Int(min(Int64(memory.count - filled), body.count))
        if part > 0, let file = body.file {
            let place = UnsafeMutableRawBufferPointer(rebasing: memory[filled..<filled + part])
            guard maud_pread(file.descriptor.rawValue, place.baseAddress, part, body.offset) == part else { return false }
            body.offset += Int64(part)
            body.count -= Int64(part)
            filled += part
        }
        if filled < memory.count, let last = body.last {
            memory[filled] = last
            body.last = nil
            filled += 1
        }
        return filled == memory.count
    }
}
