import CLinux
import CMbedTLS
import OpenPGP
import System

/// What a new owner knows of a node that has none: 100 random bits, good once (docs/claim.md). For who claims; a node works on its `ClaimFiles`.
public struct ClaimCode {
    /// 20 digits of Crockford's base 32, upper case, without hyphens.
    private let digits: [CChar]

    /// Makes one.
    public init() {
        var digits = [CChar](repeating: 0, count: MAUD_CLAIM_CODE)
        maud_claim_random(&digits)
        self.digits = digits
    }

    /// Reads one as a person writes it: either case, I and L for 1, O for 0, with hyphens and blanks anywhere.
    public init?(_ text: [UInt8]) {
        var digits = [CChar](repeating: 0, count: MAUD_CLAIM_CODE)
        guard maud_claim_read(text, text.count, &digits) else { return nil }
        self.digits = digits
    }

    /// `mau:<fingerprint>?claim=<code>`, the code in four groups: where to go, and what to prove.
    public func uri(of node: Fingerprint) -> [UInt8] {
        var text = [CChar](repeating: 0, count: MAUD_CLAIM_URI)
        maud_claim_write(digits, node.octets, &text)
        return text.map { UInt8(bitPattern: $0) }
    }

    /// Reads such a URI; its scheme may be in upper case.
    public static func read(uri text: [UInt8]) -> (node: Fingerprint, code: ClaimCode)? {
        let uri = text.prefix(4).map { $0 | 0x20 } + text.dropFirst(4)
        let start = uri.withUnsafeBytes { octets -> Int? in
            guard let base = octets.baseAddress?.assumingMemoryBound(to: CChar.self), let code = maud_claim_code_in(base, octets.count) else { return nil }
            return code - base
        }
        guard let start, let node = Fingerprint(hexadecimal: uri[4..<(4 + Fingerprint.digits)]), let code = ClaimCode(Array(uri[start...])) else { return nil }
        return (node, code)
    }

    // MARK: Proving

    /// Who proves to know the code.
    public enum Role: UInt8, Sendable { case claimer = 0x43, node = 0x4E }

    /// The octets of each nonce, and of a proof.
    public static let nonceCount = Int(MAUD_CLAIM_NONCE), proofCount = Int(MAUD_CLAIM_PROOF)

    /// What only who knows the code can compute: HMAC-SHA-256 of role, fingerprints and nonces. Empty without memory: that is nobody's proof.
    /// - Parameter nonces: the node's and the claimer's, 16 octets each.
    public func proof(_ role: Role, claimer: Fingerprint, node: Fingerprint, nonces: [UInt8]) -> [UInt8] {
        var proof = [UInt8](repeating: 0, count: ClaimCode.proofCount)
        guard nonces.count == 2 * ClaimCode.nonceCount,
              maud_claim_prove(digits, CChar(bitPattern: role.rawValue), claimer.octets, node.octets, nonces, &proof) else { return [] }
        return proof
    }

    /// Whether two proofs are the same, in a time that does not say where they differ.
    public static func isSame(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        one.count == proofCount && other.count == proofCount && maud_claim_is_same(one, other)
    }
}
