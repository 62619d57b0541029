import CLinux
import CMbedTLS
import OpenPGP
import System

/// The identity's primary key, to prove it to peers: the one copy of its secret in this program, in locked memory that no
/// dump shows.
///
/// Memory is taken first and filled later, so that a child process, forked in between, can be the one that opens the
/// account: what it fills in is here, and everything else it held ends with it.
public final class SigningKey {
    private let memory: LockedMemory

    /// Takes the memory.
    public init() throws(SystemError) {
        memory = try LockedMemory(capacity: maud_signing_key_size(), isShared: true)
        memory.count = memory.capacity
        memory.storage.initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// The key for the C functions: valid as long as this object.
    var pointer: OpaquePointer? { memory.storage.baseAddress.map { OpaquePointer($0) } }

    /// Fills in the primary key of a secret key export (binary, without a passphrase of its own), as GnuPG makes it.
    ///
    /// No octet of it is copied elsewhere; what RSA computes on the way is wiped. A key that is refused leaves nothing behind.
    public func fill(fromExport export: UnsafeRawBufferPointer) throws(SigningKeyError) {
        let packet: SecretKeyPacket
        do throws(SecretKeyError) { packet = try SecretKeyPacket(ofExport: export) } catch { throw .unreadable(error) }
        let isGood = switch packet.material {
        case .ed25519(let seed, let publicKey):
            maud_signing_key_set_ed25519(pointer, packet.creationTime, SigningKey.number(seed), publicKey.baseAddress?.assumingMemoryBound(to: UInt8.self))
        case .rsa(let modulus, let exponent, let privateExponent, let first, let second):
            maud_signing_key_set_rsa(pointer, packet.creationTime, SigningKey.number(modulus), SigningKey.number(exponent),
                                     SigningKey.number(privateExponent), SigningKey.number(first), SigningKey.number(second))
        }
        if !isGood { throw .inconsistent }
    }

    private static func number(_ octets: UnsafeRawBufferPointer) -> maud_number {
        maud_number(octets: octets.baseAddress?.assumingMemoryBound(to: UInt8.self), count: octets.count)
    }

    /// Whether a key was filled in.
    public var isSet: Bool { maud_signing_key_is_set(pointer) }

    /// Seconds since 1970.
    var creationTime: Int64 { Int64(maud_signing_key_creation_time(pointer)) }

    /// The key's version 4 fingerprint, computed from the key (RFC 9580, section 5.5.4.2).
    public var fingerprint: Fingerprint? {
        guard isSet else { return nil }
        return Fingerprint(written: { maud_signing_key_fingerprint(pointer, $0) })
    }

    enum PublicKey {
        /// 32 octets (RFC 8032).
        case ed25519([UInt8])
        /// Most significant octet first, without leading zeros.
        case rsa(modulus: [UInt8], exponent: [UInt8])
    }

    var publicKey: PublicKey {
        if let octets = maud_signing_key_ed25519(pointer) { return .ed25519(Array(UnsafeBufferPointer(start: octets, count: 32))) }
        return .rsa(modulus: SigningKey.octets(512) { maud_signing_key_rsa_modulus(self.pointer, $0) },
                    exponent: SigningKey.octets(8) { maud_signing_key_rsa_exponent(self.pointer, $0) })
    }

    /// The signature of a certificate's body; empty when the primitive failed.
    func signature(ofCertificateBody body: [UInt8]) -> [UInt8] {
        SigningKey.octets(512) { maud_signing_key_sign_certificate(self.pointer, body, body.count, $0) }
    }

    private static func octets(_ room: Int, _ write: (UnsafeMutablePointer<UInt8>?) -> Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: room) { buffer, count in count = write(buffer.baseAddress) }
    }
}

extension Fingerprint {
    /// Takes the 20 octets that `write` puts down.
    /// The key that a certificate (DER) stands for: its public key, created at NotBefore. Nil when that is no OpenPGP key of
    /// version 4, Ed25519 or RSA. Says nothing about who holds the key.
    public init?(ofCertificate certificate: [UInt8]) {
        var isKnown = false
        self.init(written: { isKnown = maud_tls_certificate_fingerprint(certificate, certificate.count, $0) })
        if !isKnown { return nil }
    }

    init?(written write: (UnsafeMutablePointer<UInt8>?) -> Void) {
        let octets = [UInt8](unsafeUninitializedCapacity: Fingerprint.count) { buffer, count in
            write(buffer.baseAddress)
            count = Fingerprint.count
        }
        self.init(octets: octets)
    }
}

/// Why a key cannot sign handshakes.
public enum SigningKeyError: Error {
    case unreadable(SecretKeyError)
    /// The public half is not the secret half's, or RSA of fewer than 2048 or more than 4096 bits.
    case inconsistent
}
