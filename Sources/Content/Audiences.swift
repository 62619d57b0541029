import OpenPGP

/// The distinct lists of recipients of all files, each kept once: a record names one by a number of two octets.
final class Audiences {
    /// Not examined yet.
    static let unknown: UInt16 = 0
    /// Nobody: not what a peer would accept.
    static let nobody: UInt16 = 1
    static let everyone: UInt16 = 2
    private static let first = 3

    private struct List {
        var recipients: [KeyID]
        var uses: Int
    }
    private var lists: [List] = []

    /// The number of a classification, counted as used once more. Give it back with `release`.
    /// When 65,532 different lists are in use, a further one counts as nobody.
    func number(of classification: Classification) -> UInt16 {
        switch classification {
        case .public: return Audiences.everyone
        case .other: return Audiences.nobody
        case .encrypted(let recipients):
            var free: Int?
            for index in 0..<lists.count {
                if lists[index].uses == 0 { free = free ?? index } else if lists[index].recipients == recipients {
                    lists[index].uses += 1
                    return UInt16(index + Audiences.first)
                }
            }
            if let free { lists[free] = List(recipients: recipients, uses: 1); return UInt16(free + Audiences.first) }
            guard lists.count + Audiences.first <= Int(UInt16.max) else { return Audiences.nobody }
            lists.append(List(recipients: recipients, uses: 1))
            return UInt16(lists.count - 1 + Audiences.first)
        }
    }

    /// Counts a number as used once more.
    func retain(_ number: UInt16) {
        if Int(number) >= Audiences.first { lists[Int(number) - Audiences.first].uses += 1 }
    }

    func release(_ number: UInt16) {
        guard Int(number) >= Audiences.first else { return }
        let index = Int(number) - Audiences.first
        lists[index].uses -= 1
        if lists[index].uses == 0 { lists[index].recipients = [] }
    }

    /// Every list in the order of its number, those out of use empty.
    var all: [[KeyID]] { lists.map { $0.recipients } }

    /// The recipients of a number; empty for everyone and nobody.
    func recipients(_ number: UInt16) -> [KeyID] {
        Int(number) >= Audiences.first ? lists[Int(number) - Audiences.first].recipients : []
    }
}
