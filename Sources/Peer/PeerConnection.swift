import EventLoop
import HTTP
import OpenPGP
import Streams
import System

/// What the content of a response goes to, as it arrives.
public protocol ResponseConsumer: AnyObject {
    /// Octets that it takes now: no more are read from the peer. With 0 the peer waits until `PeerConnection.resume`.
    var room: Int { get }
    /// The head is there; false gives the response up.
    func responseBegins(_ head: ResponseHead) -> Bool
    /// Content, at most `room` octets; false gives the response up.
    func responseContinues(_ octets: UnsafeRawBufferPointer) -> Bool
    /// The response is complete (nil), or was given up: then the connection is closed. Called once.
    func responseEnds(_ error: PeerError?)
}

/// One connection to a peer, as an HTTP/1.1 client (RFC 9112): one request at a time, and no octet believed.
///
/// Heads, lines and time are bounded (`Bounds`); the content is as long as its consumer allows. Nothing is kept between requests but
/// what belongs to the connection.
public final class PeerConnection: StreamOwner {
    private enum State { case idle, sending, head, content, closed }

    private let stream: any Stream
    private let loop: EventLoop
    private let clock: NodeClock
    /// Octets are received into this; its owner shares it among connections, because it is of use only within one call.
    private let buffer: UnsafeMutableRawBufferPointer
    private var state = State.idle
    private var request: [UInt8] = []
    private var sent = 0
    private var head: [UInt8] = []
    private var scanner = HeadScanner()
    private var keepsAlive = true
    private var left: Int64?
    private var chunks: ChunkedDecoder?
    private var informational = 0
    private var consumer: (any ResponseConsumer)?
    private var timer: Timer?
    private var progress = 0
    /// Waits for the consumer or for the rate, not for the peer: then no time runs.
    private var isPaused = false
    /// Octets received.
    public private(set) var octetsReceived: Int64 = 0
    /// What arrived with the head of a response before its consumer had room: at most the buffer.
    private var held: [UInt8] = []
    private let rate: RateLimit?

    /// Takes a connected stream, and `buffer` for as long as it lives.
    public init(_ stream: any Stream, buffer: UnsafeMutableRawBufferPointer, loop: EventLoop, clock: NodeClock, rate: RateLimit? = nil) {
        self.stream = stream
        self.rate = rate
        self.buffer = buffer
        self.loop = loop
        self.clock = clock
        timer = Timer { [unowned(unsafe) self] in timeIsUp() }
        stream.owner = self
        stream.wait(for: .nothing)
    }

    /// Whether another request can be made.
    public var isUsable: Bool { state == .idle }

    /// Asks for something.
    ///
    /// - Parameters:
    ///   - target: path and query, percent-encoded.
    ///   - host: what `Host` says.
    ///   - fields: further field lines, each with its CR LF.
    public func get(_ target: [UInt8], host: [UInt8], fields: [UInt8] = [], consumer: any ResponseConsumer) {
        begin("GET ", target, host: host, fields: fields, content: [], consumer)
    }

    /// Sends something: `content` follows the fields, among which its length is written here.
    public func put(_ content: [UInt8], to target: [UInt8], host: [UInt8], fields: [UInt8] = [], consumer: any ResponseConsumer) {
        let length: Message = "Content-Length: \(content.count)\r\n"
        begin("PUT ", target, host: host, fields: fields + length.octets, content: content, consumer)
    }

    private func begin(_ method: StaticString, _ target: [UInt8], host: [UInt8], fields: [UInt8], content: [UInt8], _ consumer: any ResponseConsumer) {
        guard state == .idle else { return consumer.responseEnds(.connection) }
        request = Array(method)
        request.append(contentsOf: target)
        request.append(" HTTP/1.1\r\nHost: ")
        request.append(contentsOf: host)
        request.append("\r\n")
        request.append(contentsOf: fields)
        request.append("\r\n")
        request.append(contentsOf: content)
        sent = 0
        informational = 0
        self.consumer = consumer
        state = .sending
        startTimer()
        stream.wait(for: .sending)
        send()
    }

    /// The consumer has room again, or the rate allows more.
    public func resume() {
        guard isPaused else { return }
        isPaused = false
        guard state == .content || state == .head else { return }
        startTimer()
        stream.wait(for: .receiving)
        guard !held.isEmpty, state == .content else { return }
        let octets = held
        held = []
        octets.withUnsafeBytes { takeContent($0) }
    }

    /// Ends the connection; a response that is under way is forgotten without a word.
    public func close() {
        guard state != .closed else { return }
        state = .closed
        consumer = nil
        if let timer { loop.cancel(timer) }
        stream.owner = nil
        stream.close()
    }

    // MARK: The stream

    public func streamIsReady() {
        switch state {
        case .sending: send()
        case .head, .content: if !isPaused { receive() }
        case .idle: close() // Octets that nobody asked for, or the end.
        case .closed: break
        }
    }

    private func send() {
        while sent < request.count {
            let result = request.withUnsafeBytes { stream.send(UnsafeRawBufferPointer(rebasing: $0[sent...]), more: false) }
            switch result {
            case .octets(let count): sent += count
            case .blocked: return
            case .ended, .failed: return fail(.connection)
            }
        }
        request = []
        state = .head
        head = []
        scanner = HeadScanner()
        stream.wait(for: .receiving)
    }

    private func receive() {
        let wanted = state == .head ? buffer.count : min(buffer.count, consumer?.room ?? 0)
        let room = min(wanted, rate?.available ?? wanted)
        guard room > 0 else { return pause() }
        switch stream.receive(into: UnsafeMutableRawBufferPointer(rebasing: buffer[0..<room])) {
        case .blocked: return
        case .failed: fail(.connection)
        case .ended: ended()
        case .octets(let count):
            progress += count
            rate?.use(count)
            octetsReceived += Int64(count)
            take(UnsafeRawBufferPointer(rebasing: buffer[0..<count]))
        }
    }

    /// The consumer must not wait for long in front of a peer that waits too.
    private func pause() {
        isPaused = true
        if let timer { loop.cancel(timer) }
        stream.wait(for: .nothing)
    }

    private func ended() {
        if state == .content, left == nil, chunks == nil { finish() } else { fail(state == .content ? .cutOff : .connection) }
    }

    // MARK: The response

    private func take(_ octets: UnsafeRawBufferPointer) {
        var rest = octets
        while state == .head, !rest.isEmpty {
            guard let taken = takeHead(rest) else { return }
            rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
        }
        if state == .content, !rest.isEmpty { takeContent(rest) } else if !rest.isEmpty, state == .idle { close() }
    }

    /// Octets of the head in what arrived; nil when the response was given up.
    private func takeHead(_ octets: UnsafeRawBufferPointer) -> Int? {
        let before = head.count
        head.append(contentsOf: octets.prefix(Bounds.requestHead + 1 - before))
        let end: Int?
        do throws(RequestDefect) { end = try head.withUnsafeBufferPointer { (all) throws(RequestDefect) -> Int? in try scanner.end(in: UnsafeRawBufferPointer(all)) } } catch {
            fail(.response(.badOctet))
            return nil
        }
        guard let end else {
            if head.count > Bounds.requestHead { fail(.response(.headTooLong)); return nil }
            return octets.count
        }
        let parsed: ResponseHead
        do throws(ResponseDefect) {
            parsed = try head.withUnsafeBufferPointer { (all) throws(ResponseDefect) -> ResponseHead in
                try ResponseHead(parsing: UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: all[0..<end])), now: HTTPDate(nanoseconds: clock.now))
            }
        } catch {
            fail(.response(error))
            return nil
        }
        head = []
        return begin(parsed) ? end - before : nil
    }

    private func begin(_ head: ResponseHead) -> Bool {
        if head.status < 200 {
            // 101 was not asked for; others announce the response that follows.
            informational += 1
            guard head.status != 101, informational <= 8 else { fail(.response(.badFraming)); return false }
            scanner = HeadScanner()
            return true
        }
        keepsAlive = head.keepsAlive
        left = nil
        chunks = nil
        state = .content
        switch head.content {
        case .octets(let count): left = count
        case .chunked: chunks = ChunkedDecoder()
        case .untilEnd: break
        }
        guard consumer?.responseBegins(head) ?? false else { fail(.refused); return false }
        if left == 0 { finish() }
        return state != .closed
    }

    private func takeContent(_ octets: UnsafeRawBufferPointer) {
        if octets.count > consumer?.room ?? 0 {
            held = Array(octets)
            return pause()
        }
        if let chunks { return takeChunks(octets, chunks) }
        let count = Int(min(Int64(octets.count), left ?? .max))
        guard give(UnsafeRawBufferPointer(rebasing: octets[0..<count])) else { return }
        guard let left else { return }
        self.left = left - Int64(count)
        if left == Int64(count) { finish() }
        if count < octets.count { close() }
    }

    private func takeChunks(_ octets: UnsafeRawBufferPointer, _ decoder: ChunkedDecoder) {
        var decoder = decoder
        let taken: Int
        do throws(ResponseDefect) { taken = try decoder.decode(octets) { give($0) } } catch { return fail(.response(error)) }
        guard state == .content else { return }
        chunks = decoder
        if decoder.isComplete { finish() }
        if taken < octets.count { close() }
    }

    private func give(_ octets: UnsafeRawBufferPointer) -> Bool {
        if consumer?.responseContinues(octets) ?? false { return state == .content }
        fail(.refused)
        return false
    }

    private func finish() {
        let done = consumer
        consumer = nil
        isPaused = false
        if let timer { loop.cancel(timer) }
        if keepsAlive {
            state = .idle
            // The end of the connection is noticed when the next request is sent.
            stream.wait(for: .nothing)
        } else { close() }
        done?.responseEnds(nil)
    }

    private func fail(_ error: PeerError) {
        let done = consumer
        close()
        done?.responseEnds(error)
    }

    // MARK: Time

    private func startTimer() {
        progress = 0
        if let timer { loop.schedule(timer, after: Int64(Bounds.progressSeconds) * nanosecondsPerSecond) }
    }

    private func timeIsUp() {
        guard progress >= Bounds.progressOctets else { return fail(.tooSlow) }
        startTimer()
    }
}
