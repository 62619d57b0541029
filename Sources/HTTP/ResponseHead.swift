import System

/// Writes the head of a response into memory that the caller has. What does not fit is left out and `overflowed` set.
public struct ResponseHeadWriter {
    private let out: UnsafeMutableRawBufferPointer
    /// Octets written.
    public private(set) var count = 0
    /// Whether something did not fit: the head must not be sent.
    public private(set) var overflowed = false

    /// Begins with the status line; always HTTP/1.1, also in answer to 1.0 (RFC 9110, section 2.5).
    public init(_ out: UnsafeMutableRawBufferPointer, _ status: Status) {
        self.out = out
        write("HTTP/1.1 ")
        write(status.line)
        write("\r\n")
    }

    /// A whole field line, CR LF left to this.
    public mutating func field(_ line: StaticString) { write(line); write("\r\n") }

    /// `name` includes ": ".
    public mutating func field(_ name: StaticString, _ date: HTTPDate) {
        write(name)
        guard reserve(HTTPDate.count) else { return }
        date.write(to: UnsafeMutableRawBufferPointer(rebasing: out[count...]))
        count += HTTPDate.count
        write("\r\n")
    }

    /// `name` includes ": ". `octets` are a valid field value.
    public mutating func field(_ name: StaticString, octets: UnsafeRawBufferPointer) {
        write(name)
        write(octets)
        write("\r\n")
    }

    public mutating func contentLength(_ length: Int64) { write("Content-Length: "); write(decimal: length); write("\r\n") }

    public mutating func entityTag(_ sum: SHA256Sum) {
        write("ETag: \"")
        guard reserve(64) else { return }
        sum.withBytes { octets in
            for index in 0..<SHA256Sum.count {
                out[count + 2 * index] = hexadecimalDigit(octets[index] >> 4)
                out[count + 2 * index + 1] = hexadecimalDigit(octets[index] & 15)
            }
        }
        count += 64
        write("\"\r\n")
    }

    /// The part that follows; nil: no part of it can (416).
    public mutating func contentRange(_ part: (offset: Int64, count: Int64)?, size: Int64) {
        write("Content-Range: bytes ")
        if let part {
            write(decimal: part.offset)
            write("-")
            write(decimal: part.offset + part.count - 1)
        } else { write("*") }
        write("/")
        write(decimal: size)
        write("\r\n")
    }

    /// The empty line.
    public mutating func end() { write("\r\n") }

    /// Octets as they are: parts of a field line.
    public mutating func write(_ text: StaticString) {
        write(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    public mutating func write(_ octets: UnsafeRawBufferPointer) {
        guard reserve(octets.count) else { return }
        UnsafeMutableRawBufferPointer(rebasing: out[count...]).copyMemory(from: octets)
        count += octets.count
    }

    public mutating func write(decimal value: Int64) {
        var digits = 1
        var rest = value / 10
        while rest > 0 { digits += 1; rest /= 10 }
        guard reserve(digits) else { return }
        rest = value
        for index in 1...digits {
            out[count + digits - index] = UInt8(0x30 + rest % 10)
            rest /= 10
        }
        count += digits
    }

    private mutating func reserve(_ octets: Int) -> Bool {
        if out.count - count >= octets { return true }
        overflowed = true
        return false
    }
}
