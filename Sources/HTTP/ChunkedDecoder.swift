import System

/// Takes the chunked transfer coding off, piece by piece (RFC 9112, section 7.1). Chunk extensions and trailers are skipped.
public struct ChunkedDecoder {
    private enum State { case size, extensions, sizeEnd, octets, octetsEnd, octetsLineEnd, trailer, trailerEnd, complete }

    private var state = State.size
    private var digits = 0
    private var left: Int64 = 0
    /// Octets of the present line of extensions, or of all trailers.
    private var lineOctets = 0
    private var trailerLine = 0

    public init() {}

    /// Whether the last chunk and the trailers have been read.
    public var isComplete: Bool { state == .complete }

    /// Reads on, and calls `body` with the content in it; false from that ends it.
    ///
    /// - Returns: the octets that were read: fewer than there are only at the end of the coding, or when `body` returned false.
    public mutating func decode(_ input: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Bool) throws(ResponseDefect) -> Int {
        var position = 0
        while position < input.count, state != .complete {
            if state == .octets {
                let count = Int(min(left, Int64(input.count - position)))
                left -= Int64(count)
                if left == 0 { state = .octetsEnd }
                position += count
                if !body(input.part(position - count, position)) { return position }
                continue
            }
            try take(input[position])
            position += 1
        }
        return position
    }

    /// An octet that is not content.
    private mutating func take(_ octet: UInt8) throws(ResponseDefect) {
        switch state {
        case .size:
            if let digit = hexadecimalValue(octet) {
                digits += 1
                // 15 digits are less than Int64 holds.
                guard digits <= 15 else { throw .badFraming }
                left = left << 4 | Int64(digit)
            } else {
                guard digits > 0 else { throw .badFraming }
                state = octet == 0x0D ? .sizeEnd : .extensions
                guard octet == 0x0D || octet == 0x3B || Characters.isBlank(octet) else { throw .badFraming }
            }
        case .extensions:
            lineOctets += 1
            guard lineOctets <= ChunkedDecoder.lineLimit, octet == 0x0D || Characters.isFieldValue(octet) else { throw .badFraming }
            if octet == 0x0D { state = .sizeEnd }
        case .sizeEnd:
            guard octet == 0x0A else { throw .badFraming }
            (digits, lineOctets) = (0, 0)
            state = left == 0 ? .trailer : .octets
        case .octetsEnd:
            guard octet == 0x0D else { throw .badFraming }
            state = .octetsLineEnd
        case .octetsLineEnd:
            guard octet == 0x0A else { throw .badFraming }
            state = .size
        case .trailer:
            lineOctets += 1
            guard lineOctets <= Bounds.requestHead, octet == 0x0D || Characters.isFieldValue(octet) else { throw .badFraming }
            if octet == 0x0D { state = .trailerEnd } else { trailerLine += 1 }
        case .trailerEnd:
            guard octet == 0x0A else { throw .badFraming }
            state = trailerLine == 0 ? .complete : .trailer
            trailerLine = 0
        case .octets, .complete: break
        }
    }

    private static let lineLimit = 256
}
