/// A compressed data packet (RFC 9580, section 5.6).
public enum CompressedData {
    /// The first `limit` octets of what is inside; fewer only when there are no more.
    /// Algorithms: 0 none, 1 ZIP (raw DEFLATE), 2 ZLIB; others throw `unknownVersion`.
    public static func head(_ packet: Packet, limit: Int) throws(PacketError) -> [UInt8] {
        guard packet.type == .compressedData else { throw .wrongType }
        var body = packet.body
        switch try body.octet() {
        case 0:
            var out: [UInt8] = []
            while out.count < limit, let octet = try body.octetIfAny() { out.append(octet) }
            return out
        case 1: break
        case 2:
            // RFC 1950: method 8 (DEFLATE), no preset dictionary.
            let method = try body.octet(), flags = try body.octet()
            guard method & 0x0F == 8, flags & 0x20 == 0 else { throw .malformed }
        default: throw .unknownVersion
        }
        var inflate = Inflate(body, limit: limit)
        return try inflate.run()
    }

    /// The first `limit` octets of what raw DEFLATE outside any packet stands for; room for all of them is taken at once.
    public static func inflated(_ octets: UnsafeRawBufferPointer, limit: Int) throws(PacketError) -> [UInt8] {
        var inflate = Inflate(PacketBody(window: octets, total: octets.count, position: 0, left: octets.count, more: false), limit: limit, room: limit)
        return try inflate.run()
    }
}

/// Takes DEFLATE apart (RFC 1951): the output is also the history that matches refer to, up to `limit` octets.
struct Inflate {
    private var input: PacketBody
    private var bits: UInt32 = 0
    private var bitCount: UInt32 = 0
    private var output: [UInt8] = []
    private let limit: Int

    init(_ input: PacketBody, limit: Int, room: Int = 0) {
        self.input = input
        self.limit = limit
        output.reserveCapacity(room)
    }

    /// The first `limit` octets of the data. Not inlined: the firmware has it once.
    @inline(never)
    mutating func run() throws(PacketError) -> [UInt8] {
        var isLast = false
        while !isLast, output.count < limit {
            isLast = try read(1) == 1
            switch try read(2) {
            case 0: try copyStored()
            case 1: try copyCoded(Code(lengths: Inflate.fixedLengths), Code(lengths: [UInt8](repeating: 5, count: 30)))
            case 2: try readCodesAndCopy()
            default: throw .malformed
            }
        }
        return output
    }

    private mutating func read(_ count: UInt32) throws(PacketError) -> Int {
        while bitCount < count {
            bits |= UInt32(try input.octet()) << bitCount
            bitCount += 8
        }
        defer { bits >>= count; bitCount -= count }
        return Int(bits & (1 << count - 1))
    }

    /// Section 3.2.4: octets as they are.
    private mutating func copyStored() throws(PacketError) {
        bits = 0
        bitCount = 0
        let count = try read(16), complement = try read(16)
        guard count ^ complement == 0xFFFF else { throw .malformed }
        for _ in 0..<count where output.count < limit { output.append(try input.octet()) }
    }

    private static let order: [UInt8] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

    /// Section 3.2.6: the lengths of the fixed code.
    private static var fixedLengths: [UInt8] {
        (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 }
    }

    /// Section 3.2.7: the codes come first, their lengths coded themselves.
    private mutating func readCodesAndCopy() throws(PacketError) {
        let literals = try read(5) + 257, distances = try read(5) + 1, count = try read(4) + 4
        guard literals <= 286, distances <= 30 else { throw .malformed }
        var lengths = [UInt8](repeating: 0, count: 19)
        for index in 0..<count { lengths[Int(Inflate.order[index])] = UInt8(try read(3)) }
        let code = try Code(lengths: lengths)
        lengths = []
        while lengths.count < literals + distances {
            let symbol = try decode(code)
            if symbol < 16 { lengths.append(UInt8(symbol)); continue }
            guard symbol != 16 || !lengths.isEmpty else { throw .malformed }
            let value = symbol == 16 ? lengths[lengths.count - 1] : 0
            let times = symbol == 16 ? 3 + (try read(2)) : symbol == 17 ? 3 + (try read(3)) : 11 + (try read(7))
            for _ in 0..<times { lengths.append(value) }
        }
        guard lengths.count == literals + distances else { throw .malformed }
        try copyCoded(Code(lengths: Array(lengths[..<literals])), Code(lengths: Array(lengths[literals...])))
    }

    /// Section 3.2.5: literals and matches up to the end of the block.
    private mutating func copyCoded(_ literals: Code, _ distances: Code) throws(PacketError) {
        while output.count < limit {
            let symbol = try decode(literals)
            if symbol < 256 { output.append(UInt8(symbol)); continue }
            if symbol == 256 { return }
            let count = try matchLength(symbol - 257)
            let distance = try matchDistance(try decode(distances))
            guard distance <= output.count else { throw .malformed }
            for _ in 0..<count where output.count < limit { output.append(output[output.count - distance]) }
        }
    }

    private mutating func matchLength(_ symbol: Int) throws(PacketError) -> Int {
        if symbol < 8 { return symbol + 3 }
        if symbol == 28 { return 258 }
        guard symbol < 28 else { throw .malformed }
        let extra = symbol / 4 - 1
        return 3 + (4 + symbol % 4) << extra + (try read(UInt32(extra)))
    }

    private mutating func matchDistance(_ symbol: Int) throws(PacketError) -> Int {
        if symbol < 4 { return symbol + 1 }
        guard symbol < 30 else { throw .malformed }
        let extra = symbol / 2 - 1
        return 1 + (2 + symbol % 2) << extra + (try read(UInt32(extra)))
    }

    /// Bit by bit along the canonical code: heads are short, so tables would cost more than they save.
    private mutating func decode(_ code: Code) throws(PacketError) -> Int {
        var value = 0, first = 0, index = 0
        for length in 1...15 {
            value |= try read(1)
            let count = Int(code.counts[length])
            if value - first < count { return Int(code.symbols[index + value - first]) }
            index += count
            first = (first + count) << 1
            value <<= 1
        }
        throw .malformed
    }

    /// A canonical Huffman code (section 3.2.2): how many codes of each length, and their symbols in order.
    struct Code {
        private(set) var counts = [UInt16](repeating: 0, count: 16)
        private(set) var symbols: [UInt16] = []

        init(lengths: [UInt8]) throws(PacketError) {
            for length in lengths where length > 0 { counts[Int(length)] += 1 }
            var left = 1
            for length in 1...15 {
                left = left << 1 - Int(counts[length])
                guard left >= 0 else { throw .malformed }
            }
            // Where the symbols of each length begin: they are in order of length, then of symbol.
            var next = [Int](repeating: 0, count: 16)
            for length in 1..<15 { next[length + 1] = next[length] + Int(counts[length]) }
            symbols = [UInt16](repeating: 0, count: next[15] + Int(counts[15]))
            for symbol in 0..<lengths.count where lengths[symbol] > 0 {
                let length = Int(lengths[symbol])
                symbols[next[length]] = UInt16(symbol)
                next[length] += 1
            }
        }
    }
}
