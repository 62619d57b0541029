import Account
import Board
import CLinux
import Commands
import EventLoop
import OpenPGP
import Server
import System
import Testing
@testable import Node

/// docs/claim.md, 3.7: what an attempt gets, at which time.
@Suite struct ClaimTests {
    private static let node = Fingerprint("0123456789abcdef0123456789abcdef01234567")!, claimer = Fingerprint("a62fd4d43e3fc83ec3bedef69c780921444be7d5")!
    private static let nonces = Array(UInt8(0)..<32)

    private final class Bench {
        let root = "/tmp/maud-claim-\(Random.octets(8).map { String($0, radix: 16) }.joined())"
        let loop: EventLoop
        let worker: Worker
        let claim: Claim
        var ended = 0

        init(isPossible: Bool = true) throws {
            for directory in ["", "/.mau"] { try Files.makeDirectory(root + directory) }
            loop = try EventLoop(clock: SystemClock())
            worker = try Worker(loop: loop)
            claim = Claim(ClaimFiles(root: root, file: root + "/boot.txt"), node: ClaimTests.node, worker: worker, isPossible: isPossible)
            claim.ended = { [unowned self] in ended += 1 }
        }

        deinit {
            try? worker.stop()
            try? Files.removeTree(root)
        }

        var code: ClaimCode? { ClaimCode.read(uri: claim.files.uri)?.code }

        func attempt(_ code: ClaimCode, by claimer: Fingerprint = claimer, node: Fingerprint = node, nonces: [UInt8] = nonces) -> [UInt8] {
            var digits: [UInt8] = []
            (nonces + code.proof(.claimer, claimer: claimer, node: node, nonces: nonces)).withUnsafeBytes { digits.append(hexadecimal: $0) }
            return digits
        }

        /// The status; 200 for a right one.
        func judge(_ attempt: [UInt8], by peer: Fingerprint? = claimer, at seconds: Double, isFresh: Bool = true) -> Int {
            switch claim.judge(attempt, by: peer, now: Int64(seconds * 1e9), isFresh: { #expect($0 == Array(ClaimTests.nonces[..<16]), "asked of a right one only"); return isFresh }) {
            case .no(let status): status.rawValue
            case .proof: 200
            }
        }
    }

    @Test func rightOnesAreJudgedWhateverComesBesides() throws {
        let bench = try Bench(), code = try #require(bench.code), right = bench.attempt(code), wrong = bench.attempt(ClaimCode())
        // The node's own key is not there yet: a right one is asked to come again, and counts as none.
        #expect(bench.judge(right, at: 100) == 503 && bench.claim.refused == 0)
        #expect([100, 100.1, 100.99, 101, 101.5, 102, 102.01].map { bench.judge(wrong, at: $0) } == [403, 429, 429, 403, 429, 403, 429])
        #expect(bench.claim.refused == 7)
        #expect(bench.judge(right, at: 102.02) == 503, "in the same second")
        #expect(bench.judge(wrong, at: 1000) == 403)
    }

    @Test func theFirstOneEverIsToldSo() throws {
        let bench = try Bench()
        #expect(bench.judge(bench.attempt(ClaimCode()), at: 0) == 403)
    }

    @Test func aProofIsOfOneClaimerToOneNodeWithOneNonce() throws {
        let bench = try Bench(), code = try #require(bench.code), other = Fingerprint("ffffffffffffffffffffffffffffffffffffffff")!
        #expect(bench.judge(bench.attempt(code, by: other), at: 1) == 403)
        #expect(bench.judge(bench.attempt(code), by: other, at: 3) == 403)
        #expect(bench.judge(bench.attempt(code, node: other), at: 5) == 403)
        #expect(bench.judge(bench.attempt(code), at: 7, isFresh: false) == 403, "a nonce that is too old")
        var changed = bench.attempt(code)
        changed[0] = changed[0] == 0x30 ? 0x31 : 0x30
        #expect(bench.judge(changed, at: 9) == 403, "another nonce than in the proof")
        #expect(bench.judge(bench.attempt(code), by: nil, at: 11) == 404, "nobody")
        #expect(bench.judge(bench.attempt(code).map { $0 == 0x30 ? 0x67 : $0 }, at: 13) == 404, "no digits")
        #expect(bench.claim.refused == 5)
        #expect(bench.judge(bench.attempt(code), at: 15) == 503)
    }

    @Test func aNodeWithoutTLSCannotBeClaimed() throws {
        let bench = try Bench(isPossible: false)
        #expect(!bench.claim.isClaimable && bench.judge(bench.attempt(ClaimCode()), at: 1) == 404)
        #expect(try Files.status(bench.root + "/.maud-claim") == nil)
    }
}
