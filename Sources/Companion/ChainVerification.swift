import Readings
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
        var walk = ChainWalk()
        if let first = links.first, let last = links.last { range = first.sequence...last.sequence }
        for link in links {
            if let checkpoint, walk.expected <= checkpoint.removedThrough, link.sequence > checkpoint.removedThrough {
                walk.goOn(after: checkpoint.removedThrough, checkpoint.sum)
            }
            let isAtStart = files == 0 && walk.expected == 1 && !isPublic
            if let numbers = walk.reach(link.sequence) { gap(numbers, isAtStart: isAtStart, checkpoint) }
            judge(link, &walk)
            files += 1
        }
    }

    private mutating func gap(_ numbers: ClosedRange<UInt64>, isAtStart: Bool, _ checkpoint: ChainCheckpoint?) {
        if let checkpoint, numbers.upperBound <= checkpoint.removedThrough { return }
        if isAtStart { return absent = numbers }
        problems.append(Problem(kind: .missing, first: numbers.lowerBound, last: numbers.upperBound, reason: "not here, and no checkpoint explains it"))
    }

    private mutating func judge(_ link: ChainLink, _ walk: inout ChainWalk) {
        var problem: (kind: Problem.Kind, reason: String)?
        switch link.state {
        case .bad(let reason):
            walk.passUnread()
            problem = (.bad, reason.text)
        case .good(let sum, let previous):
            switch walk.pass(sum, naming: previous) {
            case .firstNamesOne: problem = (.broken, "the first file names one before it")
            case .namesNone: problem = (.broken, "it names no file before it")
            case .namesAnother: problem = (.broken, "it does not go on from the file before it")
            case nil: break
            }
        }
        if let problem { problems.append(Problem(kind: problem.kind, first: link.sequence, last: link.sequence, reason: problem.reason)) }
    }
}
