import CLinux

/// One line an event on standard error, `key=value` pairs, no secrets: `event=published file=... octets=...`.
///
/// Values are quoted and escaped when they hold blanks, quotes or control characters, so that one event is one line
/// whatever a hostile name contains. A line has at most 1,000 octets; what is longer is cut.
public struct Log: ~Copyable {
    private var line: [UInt8] = []
    /// Whether lines are written; a program that a person looks at says things in other words. Set before there is a thread.
    nonisolated(unsafe) public static var isWritten = true

    /// Starts a line. Use the chained `field`s and end with `write()`.
    public init(_ event: StaticString) {
        line.reserveCapacity(160)
        line.append("event=")
        line.append(event)
    }

    public mutating func field(_ key: StaticString, _ value: Int) {
        line.append(0x20)
        line.append(key)
        line.append(0x3D)
        line.append(decimal: Int64(value))
    }

    public mutating func field(_ key: StaticString, _ value: String) { field(key, octets: Array(value.utf8)) }

    public mutating func field(_ key: StaticString, _ message: Message) { field(key, octets: message.octets) }

    public mutating func field(_ key: StaticString, octets value: [UInt8]) {
        line.append(0x20)
        line.append(key)
        line.append(0x3D)
        let plain = !value.isEmpty && value.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x3D && $0 != 0x5C }
        if plain { line.append(contentsOf: value); return }
        line.append(0x22)
        for octet in value {
            switch octet {
            case 0x22, 0x5C: line.append(0x5C); line.append(octet)
            case 0...0x1F, 0x7F:
                line.append("\\x")
                line.append(hexadecimalDigit(octet >> 4))
                line.append(hexadecimalDigit(octet & 15))
            default: line.append(octet)
            }
        }
        line.append(0x22)
    }

    /// Writes the line to standard error.
    public consuming func write() {
        guard Log.isWritten else { return }
        if line.count > 1000 { line.removeSubrange(1000...) }
        line.append(0x0A)
        Output.standardError(line)
    }
}

/// Standard output and error, unbuffered: `print` does not exist in the firmware.
public enum Output {
    public static func standardOutput(_ bytes: [UInt8]) { put(bytes, 1) }
    public static func standardError(_ bytes: [UInt8]) { put(bytes, 2) }
    public static func standardOutput(_ message: Message) { put(message.octets, 1) }
    public static func standardError(_ message: Message) { put(message.octets, 2) }

    private static func put(_ bytes: [UInt8], _ fd: Int32) {
        bytes.withUnsafeBytes { raw in
            var rest = raw
            while rest.count > 0 {
                let n = maud_write(fd, rest.baseAddress, rest.count)
                if n <= 0 { return }
                rest = UnsafeRawBufferPointer(rebasing: rest[n...])
            }
        }
    }
}
