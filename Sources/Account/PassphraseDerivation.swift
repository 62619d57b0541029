import CLinux
import GnuPG
import System

/// How slowly a passphrase becomes a key: octets hashed by the iterated and salted S2K (RFC 9580, section 3.7.1.3).
public enum PassphraseDerivation {
    /// Never fewer octets than this, however slow the machine.
    public static let minimum: Int64 = 1 << 20
    /// The most that the format can say.
    public static let maximum: Int64 = 65_011_712
    /// What one derivation may take, in nanoseconds.
    static let target: Int64 = 100_000_000

    /// The greatest count that can be encoded and is at most `count`, between `minimum` and `maximum`.
    static func encodable(atMost count: Int64) -> Int64 {
        var best = minimum
        for code in 0...255 as ClosedRange<Int64> {
            let value = (16 + code & 15) << (code >> 4 + 6)
            if value <= count, value > best { best = value }
        }
        return best
    }

    /// The strongest count that gpg derives in under 100 ms here: the difference between a run with a high and one with a
    /// low count leaves out what starting gpg takes.
    static func measure(_ gnupg: GnuPG) throws(GnuPGError) -> Int64 {
        let passphrase: LockedMemory
        do throws(SystemError) { passphrase = try LockedMemory(capacity: 16) } catch { throw .system(error) }
        _ = Array<UInt8>("calibration" as StaticString).withUnsafeBytes { passphrase.append($0) }
        let low: Int64 = 65_536
        let base = try fastest(of: 4, low, gnupg, passphrase)
        // Slow machines are measured with little, fast ones with enough to stand out from the noise.
        var high: Int64 = 4 << 20
        var difference = try fastest(of: 2, high, gnupg, passphrase) - base
        if difference < 50_000_000 {
            high = maximum
            difference = try fastest(of: 2, high, gnupg, passphrase) - base
        }
        return count(hashing: high - low, took: difference)
    }

    /// The count for `target`, less a tenth because no two runs take the same time.
    static func count(hashing octets: Int64, took nanoseconds: Int64) -> Int64 {
        if nanoseconds <= 0 { return maximum }
        return encodable(atMost: min(octets * (target * 9 / 10 / 1000) / max(nanoseconds / 1000, 1), maximum))
    }

    private static func fastest(of runs: Int, _ count: Int64, _ gnupg: GnuPG, _ passphrase: LockedMemory) throws(GnuPGError) -> Int64 {
        var best = Int64.max
        for _ in 0..<runs {
            let start = maud_since_boot()
            _ = try gnupg.wait { gnupg.encrypt(.plain([0]), passphrase: passphrase, derivationCount: count, completion: $0) }
            best = min(best, maud_since_boot() - start)
        }
        return best
    }
}
