/// Text for a person, built from literals and values: `"cannot open \(path): \(reason)"`.
///
/// String's own interpolation is inlined wherever it is used, 1 to 3 KB each time; this one compiles to a call for each
/// piece. It holds octets (UTF-8 when its pieces are), so names from outside go in as they are.
public struct Message: ExpressibleByStringInterpolation, Sendable {
    public let octets: [UInt8]

    /// A literal.
    @inline(never)
    public init(stringLiteral value: StaticString) { octets = [UInt8](value) }

    @inline(never)
    public init(stringInterpolation: Interpolation) { octets = stringInterpolation.octets }

    /// Octets that were made elsewhere.
    @inline(never)
    public init(octets: [UInt8]) { self.octets = octets }

    /// A text of C, up to its NUL.
    @inline(never)
    public init(cString: UnsafePointer<CChar>) {
        var octets: [UInt8] = []
        var next = UnsafeRawPointer(cString).assumingMemoryBound(to: UInt8.self)
        while next.pointee != 0 {
            octets.append(next.pointee)
            next += 1
        }
        self.octets = octets
    }

    /// Text that stands in the program.
    @inline(never)
    public init(_ text: StaticString) { octets = [UInt8](text) }

    /// Text that was made elsewhere.
    @inline(never)
    public init(_ text: String) { octets = Array(text.utf8) }

    /// The message as text; what is not UTF-8 becomes U+FFFD.
    public var text: String { octets.text }

    /// Collects the pieces.
    public struct Interpolation: StringInterpolationProtocol {
        fileprivate var octets: [UInt8] = []

        @inline(never)
        public init(literalCapacity: Int, interpolationCount: Int) { octets.reserveCapacity(literalCapacity + 16 * interpolationCount) }

        @inline(never)
        public mutating func appendLiteral(_ literal: StaticString) { octets.append(literal) }
        @inline(never)
        public mutating func appendInterpolation(_ value: StaticString) { octets.append(value) }
        @inline(never)
        public mutating func appendInterpolation(_ value: String) { octets.append(contentsOf: value.utf8) }
        @inline(never)
        public mutating func appendInterpolation(_ value: [UInt8]) { octets.append(contentsOf: value) }
        @inline(never)
        public mutating func appendInterpolation(_ value: Message) { octets.append(contentsOf: value.octets) }
        @inline(never)
        public mutating func appendInterpolation(_ value: Int) { octets.append(decimal: Int64(value)) }
    }
}
