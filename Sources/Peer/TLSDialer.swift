import EventLoop
import OpenPGP
import Streams
import System
import TLS

/// Connects over TLS: the stream that comes out has the friend at its other end, proven by the friend's key, or there is none.
public final class TLSDialer: Dialer {
    private let context: TLSContext
    private let loop: EventLoop

    /// - Parameter context: who we are. It must offer HTTP/1.1 and nothing else.
    public init(context: TLSContext, loop: EventLoop) {
        self.context = context
        self.loop = loop
    }

    public func dial(_ fingerprint: Fingerprint, at address: PeerAddress, completion: @escaping (Result<any Streams.Stream, PeerError>) -> Void) -> any Dialing {
        TLSDialing(fingerprint, address, context: context, loop: loop, completion)
    }
}

/// One handshake.
private final class TLSDialing: Dialing {
    private var stream: TLSStream?
    private let loop: EventLoop
    private var completion: ((Result<any Streams.Stream, PeerError>) -> Void)?
    private var failure = PeerError.connection
    private var isFailed = false
    private var later: Timer?

    init(_ fingerprint: Fingerprint, _ address: PeerAddress, context: TLSContext, loop: EventLoop,
         _ completion: @escaping (Result<any Streams.Stream, PeerError>) -> Void) {
        self.loop = loop
        self.completion = completion
        // What fails at once is told later, like everything else.
        later = Timer { [unowned(unsafe) self] in finish() }
        do throws(SystemError) {
            let stream = TLSStream(over: try TCPDialer.stream(to: address, loop: loop), .client(fingerprint), context: context)
            self.stream = stream
            stream.start { [unowned(unsafe) self] error in handshakeEnded(error) }
        } catch {
            failure = .system(error)
            schedule()
        }
    }

    private func schedule() { if let later { loop.schedule(later, after: 0) } }

    private func handshakeEnded(_ error: TLSError?) {
        if let error {
            failure = .handshake(error)
            isFailed = true
        }
        schedule()
    }

    private func finish() {
        let done = completion
        completion = nil
        let stream = stream
        self.stream = nil
        if isFailed { stream?.close() }
        guard let stream, !isFailed else {
            done?(.failure(failure))
            return
        }
        done?(.success(stream))
    }

    func cancel() {
        completion = nil
        if let later { loop.cancel(later) }
        stream?.close()
        stream = nil
    }
}
