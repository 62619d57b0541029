import EventLoop
import OpenPGP
import Streams
import System

/// Connects over plain TCP: nobody proves anything. What a TLS dialer builds on, and what tests use.
public final class TCPDialer: Dialer {
    private let loop: EventLoop

    public init(loop: EventLoop) { self.loop = loop }

    public func dial(_ fingerprint: Fingerprint, at address: PeerAddress, completion: @escaping (Result<any Stream, PeerError>) -> Void) -> any Dialing {
        TCPDialing(address, loop: loop, completion)
    }

    /// Begins to connect to a numeric address; octets can be sent once the stream is ready for them.
    public static func stream(to address: PeerAddress, loop: EventLoop) throws(SystemError) -> TCPStream {
        try TCPStream(connectingTo: address.host.text, port: address.port, loop: loop)
    }
}

/// One TCP connection that is being made. Whether it was is seen when the first octets are sent.
private final class TCPDialing: Dialing, StreamOwner {
    private var stream: TCPStream?
    private var completion: ((Result<any Stream, PeerError>) -> Void)?
    private var failure: SystemError?
    private let loop: EventLoop
    private var later: Timer?

    init(_ address: PeerAddress, loop: EventLoop, _ completion: @escaping (Result<any Stream, PeerError>) -> Void) {
        self.loop = loop
        self.completion = completion
        do throws(SystemError) {
            let stream = try TCPDialer.stream(to: address, loop: loop)
            self.stream = stream
            stream.owner = self
            stream.wait(for: .sending)
        } catch {
            failure = error
            let timer = Timer { [unowned(unsafe) self] in finish() }
            later = timer
            loop.schedule(timer, after: 0)
        }
    }

    func streamIsReady() { finish() }

    private func finish() {
        let done = completion
        completion = nil
        if let stream {
            stream.owner = nil
            self.stream = nil
            done?(.success(stream))
        } else { done?(.failure(failure.map { .system($0) } ?? .connection)) }
    }

    func cancel() {
        completion = nil
        if let later { loop.cancel(later) }
        stream?.close()
        stream = nil
    }
}
