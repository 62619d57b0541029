import CMbedTLS
import System

/// Why there is no TLS connection with a peer.
public enum TLSError: Error, Equatable {
    /// The carrier ended or broke.
    case carrier
    /// Damaged, forged or no TLS at all.
    case notTLS
    /// The peer does not speak TLS 1.3.
    case version
    /// No cipher, group, signature scheme or application protocol in common.
    case nothingCommon
    /// A certificate that names no OpenPGP key of version 4, Ed25519 or RSA, or whose key did not sign the handshake.
    case certificate
    /// The server is another than the one that was asked for.
    case wrongPeer
    /// The peer refused.
    case alert
    case noMemory

    init(_ reason: maud_tls_reason) {
        switch reason {
        case MAUD_TLS_REASON_CARRIER: self = .carrier
        case MAUD_TLS_REASON_VERSION: self = .version
        case MAUD_TLS_REASON_NOTHING_COMMON: self = .nothingCommon
        case MAUD_TLS_REASON_CERTIFICATE: self = .certificate
        case MAUD_TLS_REASON_WRONG_PEER: self = .wrongPeer
        case MAUD_TLS_REASON_ALERT: self = .alert
        case MAUD_TLS_REASON_MEMORY: self = .noMemory
        default: self = .notTLS
        }
    }

    /// One clause for a person.
    public var description: StaticString {
        switch self {
        case .carrier: "the connection ended"
        case .notTLS: "what came is not TLS, or damaged"
        case .version: "the peer does not speak TLS 1.3"
        case .nothingCommon: "there is no cipher, group, signature scheme or protocol that both know"
        case .certificate: "the certificate proves no OpenPGP key (version 4, Ed25519 or RSA)"
        case .wrongPeer: "the peer is another than the one that was asked for"
        case .alert: "the peer refused the connection"
        case .noMemory: "there is no memory"
        }
    }
}
