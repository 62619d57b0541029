import EventLoop
import HTTP
import OpenPGP
import Streams
import System
import TLS

/// Makes connections to peers: plain TCP in tests, TLS in a node.
public protocol Dialer: AnyObject {
    /// Begins to connect to a numeric address. The stream that comes out has the peer with this fingerprint at its other end, and
    /// nobody else, as far as the carrier can prove that.
    ///
    /// - Parameter completion: called once, later, and not at all after `cancel`. There is no time limit here.
    func dial(_ fingerprint: Fingerprint, at address: PeerAddress, completion: @escaping (Result<any Stream, PeerError>) -> Void) -> any Dialing
}

/// A connection that is being made.
public protocol Dialing: AnyObject {
    /// Gives it up.
    func cancel()
}

/// Why something with a peer did not work.
public enum PeerError: Error {
    /// No connection could be made, or it broke.
    case connection
    /// Whoever answers has not proven to be the one that was asked for, or does not speak TLS 1.3.
    case handshake(TLSError)
    /// The peer did not do its part in time.
    case tooSlow
    /// The peer sent what is no response.
    case response(ResponseDefect)
    /// The response has another status than one that helps.
    case status(Int)
    /// The content was cut off.
    case cutOff
    /// The receiver of the content refused it.
    case refused
    /// The host name is not known.
    case noSuchHost
    /// The operating system failed.
    case system(SystemError)

    /// Whoever answered has proven another key than the one that was asked for.
    public var isOtherPeer: Bool {
        if case .handshake(.wrongPeer) = self { true } else { false }
    }

    /// One clause for a person.
    public var description: Message {
        switch self {
        case .connection: "the connection failed"
        case .handshake(let error): "\(error.description)"
        case .tooSlow: "the peer is too slow"
        case .response(let defect): "\(defect.description)"
        case .status(let code): "the peer answered with status \(code)"
        case .cutOff: "the content was cut off"
        case .refused: "the content is not what it should be"
        case .noSuchHost: "the host name is not known"
        case .system(let error): error.description
        }
    }
}
