import Content
import HTTP
import OpenPGP
import Streams
import System

/// Where a request came from and its answer goes: an HTTP/1.1 connection, or a stream of an HTTP/2 connection. Which answer
/// it gets is decided here for both.
class Responder {
    let stream: any Streams.Stream
    unowned(unsafe) let server: Server
    /// The request being answered is HEAD.
    final var isHead = false
    /// Whether the connection ends with the present response, and whether an HTTP/1.0 client must be told that it does not.
    final var closesAfterResponse = false
    final var saysKeepAlive = false
    /// The content that is being received, or was and is being judged.
    final var upload: Upload?

    init(_ stream: any Streams.Stream, _ server: Server) {
        self.stream = stream
        self.server = server
    }

    /// The largest body that is put behind its head in the shared buffer.
    var inlineBody: Int { Bounds.inlineBody }

    /// Sends a head as HTTP/1.1 writes it, what stands behind it, and then `body`. `octets` lie in the shared buffer.
    func send(_ octets: UnsafeRawBufferPointer, _ body: consuming Body) {}

    /// The content of `upload` is to be received, and to be judged when all of it is there.
    /// - Parameter saysContinue: the client waits to be told to send it.
    func expectContent(saysContinue: Bool) {}

    /// What was received is judged; also when nobody waits for the answer any more.
    func isJudged(_ upload: Upload, _ result: UploadResult) {}

    /// Ends it without an answer.
    func close() {}
}

/// Which answer a request gets; the order of the checks is that of docs/http.md.
extension Responder {
    /// Answers one request. `octets` begin with its head.
    func respond(to head: RequestHead, in octets: UnsafeRawBufferPointer) {
        guard head.method != .unknown else { return respond(.notImplemented) }
        guard !head.hasUnknownExpectation else { return respond(.expectationFailed) }
        let route = Route.parse(head.path.octets(of: octets), name: server.output)
        if let route, isClaim(route), head.method == .put || (head.method == .get || head.method == .head) && !head.hasContent { return respondToClaim(head, route) }
        if head.method == .put, let route, takesFiles(at: route) { return beginUpload(head, route) }
        guard head.method == .get || head.method == .head else {
            return respond(route == nil ? .notFound : .methodNotAllowed, takesFiles: route.map { takesFiles(at: $0) } ?? false)
        }
        guard !head.hasContent else { return respond(.contentTooLarge) }
        guard let route, let directory = server.store.directory(route.fingerprint) else { return respond(.notFound) }
        switch route.kind {
        case .listing: respond(withListingOf: directory, head, octets)
        case .file where isChallenge(route): respondWithChallenge()
        case .file, .version: respond(withFileIn: directory, route, head, octets)
        }
    }

    /// Answers with a status and nothing else worth reading. Two 404 are the same octets, whatever is not there and why.
    func respond(_ status: Status, takesFiles: Bool = false, retryAfter: Int = 1) {
        server.counters.count(status)
        var head = beginHead(status)
        switch status {
        case .methodNotAllowed: head.field(takesFiles ? "Allow: GET, HEAD, PUT" : "Allow: GET, HEAD")
        case .serviceUnavailable, .tooManyRequests:
            head.write("Retry-After: ")
            head.write(decimal: Int64(retryAfter))
            head.write("\r\n")
        default: break
        }
        let line = status.line
        let hasText = status != .methodNotAllowed
        if hasText { head.field("Content-Type: text/plain; charset=utf-8") }
        head.contentLength(hasText ? Int64(line.utf8CodeUnitCount + 1) : 0)
        head.end()
        if hasText, !isHead {
            head.write(line)
            head.write("\n")
        }
        finish(head, Body())
    }

    /// Begins a head in the shared buffer: status line, `Date`, `Connection`.
    func beginHead(_ status: Status) -> ResponseHeadWriter {
        var head = ResponseHeadWriter(UnsafeMutableRawBufferPointer(rebasing: server.output[0..<Server.headCapacity]), status)
        if let date = server.currentDate { head.field("Date: ", date) }
        if closesAfterResponse { head.field("Connection: close") } else if saysKeepAlive { head.field("Connection: keep-alive") }
        return head
    }

    /// Sends a complete head, `inlineCount` octets of body that lie right behind it, and `body`.
    func finish(_ head: ResponseHeadWriter, inlineCount: Int = 0, _ body: consuming Body) {
        // Cannot happen with the fields that are written here; a head in pieces must not go out.
        guard !head.overflowed else { return close() }
        send(UnsafeRawBufferPointer(rebasing: server.output[0..<head.count + inlineCount]), body)
    }
}
