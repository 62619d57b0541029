import CLinux
import Content
import OpenPGP
import System

/// Writes a listing into a file in memory, a buffer at a time: a thousand entries take a fraction of a millisecond.
struct ListingRenderer: ~Copyable {
    private let file: FileDescriptor
    private let buffer: UnsafeMutableRawBufferPointer
    private var filled = 0
    private var failure: SystemError?
    private let beginning: [UInt8]
    /// Octets in the file.
    private(set) var written: Int64 = 0
    private(set) var marks: [Listing.Mark] = []
    private var last: Cursor?
    private var unmarked = 0

    private static let entriesPerMark = 128
    /// The longest entry has a name of 255 quotes.
    private static let longestEntry = 1024

    init(_ fingerprint: Fingerprint, _ buffer: UnsafeMutableRawBufferPointer) throws(SystemError) {
        file = FileDescriptor(owning: try check(maud_memory_file("listing"), "memfd_create"))
        self.buffer = buffer
        beginning = Array("{\"path\":\"/p2p/") + fingerprint.hexadecimal + [0x2F]
        put(0x5B)
    }

    /// Octets that one entry takes, the comma or bracket after it included.
    static func octets(_ name: UnsafeRawBufferPointer, _ entry: Entry) -> Int64 {
        var count = fixedOctets + name.count
        for octet in name where octet == 0x22 { count += 1 }
        var rest = entry.size
        repeat { count += 1; rest /= 10 } while rest > 0
        return Int64(count)
    }

    /// `{"path":"/p2p/` + 40 + `/` + name + `","size":` + size + `,"sum":"` + 64 + `"}` + `,`
    private static let fixedOctets = 14 + Fingerprint.digits + 1 + 9 + 8 + 64 + 2 + 1

    /// Adds an entry; false when the file cannot be written: `end` says why.
    mutating func add(_ name: UnsafeRawBufferPointer, _ entry: Entry) -> Bool {
        if buffer.count - filled < ListingRenderer.longestEntry, !flush() { return false }
        if last != nil { put(0x2C) }
        mark(before: entry.cursor)
        beginning.withUnsafeBytes { put($0) }
        // Names hold no control characters and no backslash: only the quote needs an escape in JSON.
        for octet in name {
            if octet == 0x22 { put(0x5C) }
            put(octet)
        }
        put("\",\"size\":")
        put(decimal: entry.size)
        put(",\"sum\":\"")
        entry.sum.withBytes { octets in
            for octet in octets {
                put(hexadecimalDigit(octet >> 4))
                put(hexadecimalDigit(octet & 15))
            }
        }
        put("\"}")
        return true
    }

    /// Writes the end.
    mutating func end() throws(SystemError) {
        put(0x5D)
        _ = flush()
        if let failure { throw failure }
    }

    consuming func takeFile() -> FileDescriptor { file }

    /// Entries of the same time and sum have the same cursor: no mark separates them.
    private mutating func mark(before cursor: Cursor) {
        if let last, unmarked >= ListingRenderer.entriesPerMark, last != cursor {
            marks.append(Listing.Mark(cursor: last, offset: written + Int64(filled)))
            unmarked = 0
        }
        unmarked += 1
        last = cursor
    }

    private mutating func flush() -> Bool {
        if failure != nil { return false }
        do throws(SystemError) { try file.writeAll(UnsafeRawBufferPointer(rebasing: buffer[0..<filled])) } catch {
            failure = error
            return false
        }
        written += Int64(filled)
        filled = 0
        return true
    }

    @inline(__always)
    private mutating func put(_ octet: UInt8) {
        buffer[filled] = octet
        filled += 1
    }

    private mutating func put(_ octets: UnsafeRawBufferPointer) {
        UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + octets.count]).copyMemory(from: octets)
        filled += octets.count
    }

    private mutating func put(_ text: StaticString) { put(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)) }

    private mutating func put(decimal value: Int64) {
        var digits = 1, rest = value / 10
        while rest > 0 { digits += 1; rest /= 10 }
        rest = value
        for index in 1...digits {
            buffer[filled + digits - index] = UInt8(0x30 + rest % 10)
            rest /= 10
        }
        filled += digits
    }
}
