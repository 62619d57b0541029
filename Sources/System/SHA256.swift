import CLinux
import CSodium

/// A SHA-256 sum (FIPS 180-4), as the convention's version hash and listing `sum`.
public struct SHA256Sum: Equatable, Sendable {
    /// The 32 octets as four words in memory order.
    public var words: (UInt64, UInt64, UInt64, UInt64)

    public static let count = 32

    /// The sum of no value yet: all zero.
    public init() { words = (0, 0, 0, 0) }

    /// The sum of `bytes`. The corresponding C function is `crypto_hash_sha256`.
    public init(of bytes: UnsafeRawBufferPointer) {
        self.init()
        withUnsafeMutableBytes(of: &words) { out in
            guard let sum = out.baseAddress else { return }
            _ = crypto_hash_sha256(sum.assumingMemoryBound(to: UInt8.self), bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
        }
    }

    /// The sum of `bytes`.
    public init(of bytes: [UInt8]) {
        self = bytes.withUnsafeBytes { SHA256Sum(of: $0) }
    }

    /// Parses 64 hexadecimal digits of either case.
    public init?(hexadecimal digits: some Collection<UInt8>) {
        guard digits.count == 64 else { return nil }
        self.init()
        var valid = true
        withUnsafeMutableBytes(of: &words) { out in
            var index = 0
            for digit in digits {
                guard let value = hexadecimalValue(digit) else { valid = false; return }
                out[index / 2] = index % 2 == 0 ? value << 4 : out[index / 2] | value
                index += 1
            }
        }
        if !valid { return nil }
    }

    /// The octets, for the duration of `body`.
    @inline(__always)
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: words) { body($0) }
    }

    /// 64 lower-case hexadecimal digits.
    public var hexadecimal: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(64)
        withBytes { out.append(hexadecimal: $0) }
        return out
    }

    public static func == (a: SHA256Sum, b: SHA256Sum) -> Bool {
        a.words.0 == b.words.0 && a.words.1 == b.words.1 && a.words.2 == b.words.2 && a.words.3 == b.words.3
    }
}

/// Random octets from the kernel. The corresponding C function is `getrandom`.
public enum Random {
    public static func octets(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let base = buffer.baseAddress { maud_random(base, count) }
            initialized = count
        }
    }
}
