import System

/// Goes along a chain of files, each of which names the SHA-256 of the one before it (docs/vocabulary.md, 3.4 and part 4), and tells where it does not hold.
public struct ChainWalk {
    /// What is wrong with what a file says comes before it.
    public enum Break {
        case firstNamesOne
        case namesNone
        case namesAnother
    }

    /// The number that comes next.
    public private(set) var expected: UInt64 = 1
    /// What the next file must name; nil while anything may come.
    private var previous: SHA256Sum?

    public init() {}

    /// What its author says it removed itself, up to a file of this sum, is not missing.
    public mutating func goOn(after removedThrough: UInt64, _ sum: SHA256Sum?) {
        expected = removedThrough + 1
        previous = sum
    }

    /// Comes to a file whose number is `expected` or higher. Returns the numbers that are missing before it.
    public mutating func reach(_ sequence: UInt64) -> ClosedRange<UInt64>? {
        guard sequence > expected else { return nil }
        defer { (expected, previous) = (sequence, nil) }
        return expected...(sequence - 1)
    }

    /// Goes past the file that was reached: its sum, and what it names.
    public mutating func pass(_ sum: SHA256Sum, naming named: SHA256Sum?) -> Break? {
        let isFirst = expected == 1, before = previous
        (expected, previous) = (expected + 1, sum)
        guard let named else { return isFirst ? nil : .namesNone }
        if isFirst { return .firstNamesOne }
        return before == nil || before == named ? nil : .namesAnother
    }

    /// Goes past the file that was reached, of which nothing is believed.
    public mutating func passUnread() { (expected, previous) = (expected + 1, nil) }
}
