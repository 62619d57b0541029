import System
import Testing
@testable import Companion

/// docs/vocabulary.md, 3.2 to 3.4 and part 4; docs/mau.md, "verify".
@Suite struct ChainVerificationTests {
    private func sum(_ number: UInt64) -> SHA256Sum { SHA256Sum(of: Array("file \(number)".utf8)) }

    /// Good files with these numbers, each naming the number before it.
    private func links(_ numbers: ClosedRange<UInt64>) -> [ChainLink] { numbers.map { link($0) } }
    private func link(_ number: UInt64, previous: SHA256Sum?? = nil) -> ChainLink {
        ChainLink(sequence: number, state: .good(sum: sum(number), previous: previous ?? (number == 1 ? nil : sum(number - 1))))
    }

    @Test func aWholeChainIsWhole() {
        let chain = ChainVerification(links(1...5), checkpoint: nil, isPublic: true)
        #expect(chain.isWhole)
        #expect(chain.range == 1...5)
        #expect(chain.files == 5)
        #expect(chain.absent == nil)
    }

    @Test func aMissingFileInTheMiddleIsAGap() {
        let chain = ChainVerification(links(1...3) + links(6...9), checkpoint: nil, isPublic: true)
        #expect(chain.problems.map(\.kind) == [.missing])
        #expect(chain.problems.first?.first == 4)
        #expect(chain.problems.first?.last == 5)
    }

    @Test func whatTheDeviceRemovedIsNoGap() {
        let checkpoint = ChainCheckpoint(removedThrough: 4, sum: sum(4))
        let chain = ChainVerification(links(5...9), checkpoint: checkpoint, isPublic: true)
        #expect(chain.isWhole)
        #expect(chain.removedThrough == 4)
    }

    @Test func whatIsMissingBehindTheCheckpointIsAGap() {
        let checkpoint = ChainCheckpoint(removedThrough: 4, sum: sum(4))
        let chain = ChainVerification(links(7...9), checkpoint: checkpoint, isPublic: true)
        #expect(chain.problems.first?.first == 5)
        #expect(chain.problems.first?.last == 6)
    }

    @Test func theFirstFileAfterACheckpointGoesOnFromIt() {
        let checkpoint = ChainCheckpoint(removedThrough: 4, sum: sum(99))
        let chain = ChainVerification(links(5...6), checkpoint: checkpoint, isPublic: true)
        #expect(chain.problems.map(\.kind) == [.broken])
        #expect(chain.problems.first?.first == 5)
    }

    @Test func olderFilesThatAreStillHereHarmNothing() {
        let checkpoint = ChainCheckpoint(removedThrough: 4, sum: sum(4))
        #expect(ChainVerification(links(2...9), checkpoint: checkpoint, isPublic: true).isWhole)
        #expect(ChainVerification(links(2...3) + links(5...9), checkpoint: checkpoint, isPublic: true).isWhole)
    }

    @Test func beforeTheFirstFileNothingIsMissingForSomebodyWhoCameLater() {
        let chain = ChainVerification(links(5...9), checkpoint: nil, isPublic: false)
        #expect(chain.isWhole)
        #expect(chain.absent == 1...4)
        #expect(!ChainVerification(links(5...9), checkpoint: nil, isPublic: true).isWhole)
    }

    @Test func aGapIsOneForSomebodyWhoCameLaterToo() {
        let chain = ChainVerification(links(5...6) + links(8...9), checkpoint: nil, isPublic: false)
        #expect(chain.problems.map(\.first) == [7])
    }

    @Test func aChangedFileBreaksTheChainBehindIt() {
        let other = ChainLink(sequence: 3, state: .good(sum: sum(33), previous: sum(2)))
        let chain = ChainVerification(links(1...2) + [other] + links(4...5), checkpoint: nil, isPublic: true)
        #expect(chain.problems.map(\.kind) == [.broken])
        #expect(chain.problems.first?.first == 4)
    }

    @Test func aBadFileIsNamedAndWhatFollowsIsJudgedForItself() {
        let bad = ChainLink(sequence: 3, state: .bad("it is damaged"))
        let chain = ChainVerification(links(1...2) + [bad] + links(4...5), checkpoint: nil, isPublic: true)
        #expect(chain.problems.map(\.kind) == [.bad])
        #expect(chain.problems.first?.reason == "it is damaged")
    }

    @Test func onlyTheFirstFileNamesNoneBeforeIt() {
        #expect(!ChainVerification([link(1, previous: .some(sum(0)))], checkpoint: nil, isPublic: true).isWhole)
        #expect(!ChainVerification([link(1), link(2, previous: .some(nil))], checkpoint: nil, isPublic: true).isWhole)
    }

    @Test func nothingIsWhole() {
        let chain = ChainVerification([], checkpoint: nil, isPublic: true)
        #expect(chain.isWhole)
        #expect(chain.range == nil)
    }
}
