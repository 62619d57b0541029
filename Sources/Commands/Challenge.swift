import CSodium
import System
import Vocabulary

/// 16 octets that a device gave out, to prove that a command was signed after that (docs/commands.md, part 5).
public struct Challenge: Equatable, Sendable {
    public static let count = 16
    public let octets: [UInt8]

    init?(octets: [UInt8]) {
        guard octets.count == Challenge.count else { return nil }
        self.octets = octets
    }

    /// 32 lower-case hexadecimal digits.
    public init?(hexadecimal digits: [UInt8]) {
        guard let number = CommandIdentifier(hexadecimal: digits) else { return nil }
        octets = withUnsafeBytes(of: (number.high.bigEndian, number.low.bigEndian)) { Array($0) }
    }
}

/// Gives out challenges and takes each back once.
///
/// Nothing is remembered of one that is given out, so nobody can use them up: a challenge is 4 octets of time since boot, 4
/// random ones, and a keyed checksum of both (SipHash-2-4), under a key of this process. Only used ones are
/// remembered, until they would be too old anyway. The corresponding C function is `crypto_shorthash_siphash24` (`crypto_shorthash` would bring all of libsodium with it).
public struct Challenges {
    private let key: [UInt8]
    private var used: [(octets: [UInt8], time: Int64)] = []

    public init() { key = Random.octets(Int(crypto_shorthash_KEYBYTES)) }

    /// A new one.
    /// - Parameter sinceBoot: nanoseconds.
    public func make(sinceBoot: Int64) -> Challenge? {
        var octets = Random.octets(8)
        let seconds = UInt32(truncatingIfNeeded: sinceBoot / nanosecondsPerSecond)
        // The time is hidden from who is not asked to tell it: only this process knows the key.
        withUnsafeBytes(of: (seconds ^ mask(octets[4..<8])).bigEndian) { octets.replaceSubrange(0..<4, with: $0) }
        return Challenge(octets: octets + checksum(octets))
    }

    /// When a challenge of this process was given out, in nanoseconds since boot (whole seconds); nil for one that is not of this
    /// process, too old, or used.
    public func issued(_ challenge: Challenge, sinceBoot: Int64) -> Int64? {
        let first = Array(challenge.octets[..<8])
        guard checksum(first) == Array(challenge.octets[8...]), !used.contains(where: { $0.octets == challenge.octets }) else { return nil }
        let seconds = first[..<4].reduce(0) { $0 << 8 | UInt32($1) } ^ mask(first[4...])
        let time = Int64(seconds) * nanosecondsPerSecond
        let lifetime = Int64(Bounds.challengeSeconds) * nanosecondsPerSecond
        return time <= sinceBoot && sinceBoot - time <= lifetime ? time : nil
    }

    /// Takes a challenge that was good; false when so many were used lately that none can be taken.
    public mutating func use(_ challenge: Challenge, sinceBoot: Int64) -> Bool {
        let oldest = sinceBoot - Int64(Bounds.challengeSeconds + 1) * nanosecondsPerSecond
        used.removeAll { $0.time < oldest }
        guard used.count < Bounds.usedChallenges else { return false }
        used.append((challenge.octets, sinceBoot))
        return true
    }

    /// Makes a challenge good again: what it was used for did not happen.
    public mutating func giveBack(_ challenge: Challenge) { used.removeAll { $0.octets == challenge.octets } }

    private func mask(_ salt: ArraySlice<UInt8>) -> UInt32 { checksum(Array(salt))[..<4].reduce(0) { $0 << 8 | UInt32($1) } }

    private func checksum(_ octets: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(crypto_shorthash_BYTES)) { out, count in
            if let base = out.baseAddress { _ = crypto_shorthash_siphash24(base, octets, UInt64(octets.count), key) }
            count = Int(crypto_shorthash_BYTES)
        }
    }
}
