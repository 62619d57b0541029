import System

/// One file of a chain, as far as the chain goes: what it is, what it says comes before it, or why it is not believed.
package struct ChainLink {
    package enum State {
        /// Its signature is the device's, and it is the file that its name says.
        case good(sum: SHA256Sum, previous: SHA256Sum?)
        case bad(Message)
    }

    package let sequence: UInt64
    package let state: State

    package init(sequence: UInt64, state: State) {
        self.sequence = sequence
        self.state = state
    }
}

/// What the device itself says it removed.
package struct ChainCheckpoint {
    package let removedThrough: UInt64
    package let sum: SHA256Sum

    package init(removedThrough: UInt64, sum: SHA256Sum) {
        self.removedThrough = removedThrough
        self.sum = sum
    }
}

/// Judges a chain of files, each of which names the SHA-256 of the one before it (docs/vocabulary.md, 3.4 and part 4).
package struct ChainVerification {
    package struct Problem: Equatable {
        package enum Kind: String {
            /// A number that no file has, and no checkpoint explains.
            case missing
            /// Not signed by the device, damaged, or another document than its name says.
            case bad
            /// It names another file before it than the one that is there.
            case broken
        }

        package let kind: Kind
        package let first: UInt64
        package let last: UInt64
        package let reason: String
    }

    /// The numbers that are here, the first and the last.
    package private(set) var range: ClosedRange<UInt64>?
    package private(set) var files = 0
    package private(set) var removedThrough: UInt64?
    /// Numbers before the first that is here, which no checkpoint explains: they may have been published before this account could read them.
    package private(set) var absent: ClosedRange<UInt64>?
    package private(set) var problems: [Problem] = []

    package var isWhole: Bool { problems.isEmpty }

    /// - Parameters:
    ///   - links: ascending, each number once.
    ///   - isPublic: anyone could always read all of the chain, so numbers before the first one are missing like others.
    package init(_ links: [ChainLink], checkpoint: ChainCheckpoint?, isPublic: Bool) {
        removedThrough = checkpoint?.removedThrough
        // What is there although it was to go was not removed yet, or is back after a power cut: it does no harm, and it must be right too.
        var expected: UInt64 = 1, previous: SHA256Sum?
        if let first = links.first, let last = links.last { range = first.sequence...last.sequence }
        for link in links {
            if let checkpoint, expected <= checkpoint.removedThrough, link.sequence > checkpoint.removedThrough {
                expected = checkpoint.removedThrough + 1
                previous = checkpoint.sum
            }
            if link.sequence > expected {
                gap(expected...(link.sequence - 1), isAtStart: files == 0 && expected == 1 && !isPublic, checkpoint)
                previous = nil
            }
            previous = judge(link, previous)
            expected = link.sequence + 1
            files += 1
        }
    }

    private mutating func gap(_ numbers: ClosedRange<UInt64>, isAtStart: Bool, _ checkpoint: ChainCheckpoint?) {
        if let checkpoint, numbers.upperBound <= checkpoint.removedThrough { return }
        if isAtStart { return absent = numbers }
        problems.append(Problem(kind: .missing, first: numbers.lowerBound, last: numbers.upperBound, reason: "not here, and no checkpoint explains it"))
    }

    /// Returns what the next file must name; nil when anything may come.
    private mutating func judge(_ link: ChainLink, _ before: SHA256Sum?) -> SHA256Sum? {
        switch link.state {
        case .bad(let reason):
            problems.append(Problem(kind: .bad, first: link.sequence, last: link.sequence, reason: reason.text))
            return nil
        case .good(let sum, let previous):
            if link.sequence == 1 ? previous != nil : previous == nil {
                problems.append(Problem(kind: .broken, first: link.sequence, last: link.sequence, reason: link.sequence == 1 ? "the first file names one before it" : "it names no file before it"))
            } else if let before, let previous, before != previous {
                problems.append(Problem(kind: .broken, first: link.sequence, last: link.sequence, reason: "it does not go on from the file before it"))
            }
            return sum
        }
    }
}
