import CLinux
import EventLoop
import OpenPGP
import System
import TestSupport
import Testing
@testable import Account

/// docs/claim.md, parts 2 and 4: where the code lies, and that no power cut leaves a node that nobody can claim or that two can.
@Suite struct ClaimFilesTests {
    private final class Board {
        let place: Place
        let mau: MauDirectory
        let boot: String
        init() throws {
            place = try Place()
            mau = place.mau
            boot = place.path + "/boot.txt"
            try mau.create()
            try Files.write([1], to: mau.account)
        }
        var files: ClaimFiles { ClaimFiles(root: mau.path, file: boot) }
        var code: String { mau.path + "/.maud-claim" }
        var isOwned: Bool { files.isOwned }
        /// As a node begins: what holds then, and what failed.
        func start() -> (uri: String?, error: Int32) {
            let files = files
            files.begin(alice)
            return (files.isClaimable ? files.uri.text : nil, files.error)
        }
        var stored: String? {
            let files = files
            files.look()
            return files.isClaimable ? files.uri.text : nil
        }
        func text(_ path: String) throws -> String? { try Files.status(path) == nil ? nil : Files.read(path, limit: 1024).text }
        var owner: String { mau.keys(of: .controllers) + "/" + bob.description + ".pgp" }
        func addOwner() throws(SystemError) {
            let changes = KeyFileChanges(mau)
            changes.write(Array("the owner's key".utf8), bob, .controllers, time: 0)
            try changes.run()
        }
        /// As a node ends a claim: the key, then the code.
        func claim() throws(SystemError) {
            try addOwner()
            _ = start()
        }
    }

    @Test func aCodeIsMadeOnceAndShown() throws {
        let board = try Board(), uri = try #require(board.start().uri)
        #expect(ClaimCode.read(uri: Array(uri.utf8))?.node == alice)
        #expect(try board.text(board.code) == uri + "\n" && board.text(board.boot)?.hasPrefix(uri + "\n") == true)
        for path in [board.code, board.boot] { #expect(try Files.status(path)?.mode == 0o600) }
        #expect(board.start().uri == uri && board.stored == uri)
        let files = board.files
        files.make(for: alice)
        #expect(files.isClaimable && files.uri.text != uri && board.stored == files.uri.text, "maud init makes another")
    }

    @Test func anOwnerEndsIt() throws {
        let board = try Board()
        _ = board.start()
        #expect(!board.isOwned)
        try board.addOwner()
        #expect(board.isOwned)
        #expect(board.start().uri == nil)
        #expect(try board.text(board.code) == nil && board.text(board.boot) == nil)
        #expect(board.start().uri == nil)
    }

    /// A claim whose key is stored while the friends are read, who then have an owner already: each is told once, when the files are gone.
    @Test func twoWhoEndItAtOnce() throws {
        let board = try Board(), files = board.files, loop = try EventLoop(clock: SystemClock()), worker = try Worker(loop: loop)
        files.begin(alice)
        var told: [Int] = []
        for number in 1...2 {
            files.end(on: worker) {
                told.append(number)
                for path in [board.code, board.boot] { #expect((try? Files.status(path)) == nil) }
            }
        }
        try worker.stop()
        #expect(told == [1, 2] && !files.isClaimable)
    }

    @Test func whoCountsAsOwner() throws {
        let board = try Board(), directory = board.mau.keys(of: .controllers)
        try Files.makeDirectory(directory)
        try Files.makeDirectory(board.mau.keys(of: .viewers))
        try Files.write([1], to: board.mau.keys(of: .viewers) + "/\(bob.description).pgp")
        for name in [".hidden.pgp", "sync_state.json", "pgp"] { try Files.write([1], to: directory + "/" + name) }
        #expect(!board.isOwned)
        try Files.write([], to: directory + "/x.pgp")
        #expect(board.isOwned, "of whatever use the key is")
        try Files.remove(directory + "/x.pgp")
        withFaults({ $0 == "openat" ? ErrorNumber.inputOutput : 0 }) { #expect(board.isOwned, "what cannot be told") }
    }

    @Test func whatIsNotOursStays() throws {
        let board = try Board()
        try Files.write(Array("precious".utf8), to: board.boot)
        let start = board.start()
        #expect(start.uri != nil && start.error == ErrorNumber.exists)
        #expect(try board.text(board.boot) == "precious" && board.text(board.code) == (start.uri ?? "") + "\n")
        try board.claim()
        #expect(try board.text(board.boot) == "precious" && board.text(board.code) == nil)
        // Nor is a link followed.
        let other = try Board()
        #expect(try run(["ln", "-s", board.boot, other.boot]).code == 0)
        #expect(other.start().error == ErrorNumber.loop)
        #expect(try board.text(board.boot) == "precious")
    }

    /// A start that dies anywhere: the next one has a whole code, and both files say the same.
    @Test func aStartThatIsCutAnywhere() throws {
        var number = 0, isDone = false, kept = 0
        while !isDone {
            let board = try Board()
            isDone = diesAtCall(number) { _ = board.start() }
            let before = board.stored, uri = try #require(board.start().uri)
            if let before { kept += 1; #expect(uri == before, "what somebody may have been shown holds") }
            #expect(try board.text(board.code) == uri + "\n" && board.text(board.boot)?.hasPrefix(uri + "\n") == true)
            #expect(try run(["ls", "-A", board.place.path]).output.text == "boot.txt\nroot\n" && run(["ls", "-A", board.mau.path]).output.text == ".mau\n.maud-claim\n", "nothing is left beside them")
            number += 1
        }
        #expect(number > 12 && kept > 5)
    }

    /// A claim that dies anywhere: the old code and no owner, or the owner and, after a start, no code.
    @Test func aClaimThatIsCutAnywhere() throws {
        var number = 0, isDone = false, seen: Set<String> = []
        while !isDone {
            let board = try Board(), uri = try #require(board.start().uri)
            isDone = diesAtCall(number) { try? board.claim() }
            let isOwned = board.isOwned, hasCode = try Files.status(board.code) != nil
            #expect(isOwned || hasCode, "call \(number)")
            let now = board.start()
            #expect(now.error == 0)
            if isOwned {
                #expect(now.uri == nil)
                #expect(try board.text(board.owner) == "the owner's key" && board.text(board.code) == nil && board.text(board.boot) == nil, "call \(number)")
            } else {
                #expect(now.uri == uri && !board.isOwned)
            }
            seen.insert("\(isOwned) \(hasCode)")
            number += 1
        }
        #expect(seen == ["false true", "true true", "true false"] && number > 20)
    }

    /// The same when a call fails.
    @Test func aClaimInWhichACallFails() throws {
        var number = 0, isDone = false
        while !isDone {
            let board = try Board(), uri = try #require(board.start().uri)
            var count = 0, failed = ""
            withFaults({ name in
                defer { count += 1 }
                if count == number { failed = name }
                return count == number ? ErrorNumber.inputOutput : 0
            }) { try? board.claim() }
            let isOwned = board.isOwned, now = board.start().uri
            #expect(isOwned ? now == nil : now == uri, "\(failed)")
            if isOwned { #expect(try board.text(board.code) == nil && board.text(board.boot) == nil) }
            isDone = failed.isEmpty
            number += 1
        }
    }

    /// What cannot be read may be what somebody was shown.
    @Test func aCodeThatCannotBeReadIsNotReplaced() throws {
        let board = try Board(), uri = board.start().uri
        withFaults({ $0 == "pread" ? ErrorNumber.inputOutput : 0 }) {
            let start = board.start()
            #expect(start.uri == nil && start.error == ErrorNumber.inputOutput)
        }
        #expect(board.start().uri == uri)
    }

    @Test func whatIsNoCodeIsReplaced() throws {
        let good = "mau:\(alice.description)?claim=01234-56789-ABCDE-FGHJK"
        for text in ["", "m", "mau:", String(good.dropLast()), good.replacing("0", with: "U"), "mau:\(bob.description)?claim=01234-56789-ABCDE-FGHJK\n", good.replacing("claim", with: "clain")] {
            let board = try Board()
            try Files.write(Array(text.utf8), to: board.code)
            let uri = try #require(board.start().uri)
            #expect(uri != good && uri.hasPrefix("mau:\(alice.description)?claim="))
        }
        let board = try Board()
        try Files.write(Array(good.utf8), to: board.code)
        #expect(board.start().uri == good)
    }

    // MARK: Judging

    private func hexadecimal(_ octets: [UInt8]) -> [UInt8] {
        var digits: [UInt8] = []
        octets.withUnsafeBytes { digits.append(hexadecimal: $0) }
        return digits
    }

    @Test func anAttemptIsJudged() throws {
        let board = try Board(), files = board.files, nonces = Array(UInt8(1)...32)
        var nonce = [UInt8](repeating: 0, count: 16)
        func judge(_ attempt: [UInt8], by claimer: Fingerprint = bob) -> ClaimFiles.Judgement { files.judge(attempt, by: claimer, of: alice, nonce: &nonce) }
        #expect(judge(hexadecimal([UInt8](repeating: 0, count: 64))) == .none, "there is no code yet")
        files.begin(alice)
        let code = try #require(ClaimCode.read(uri: files.uri)?.code)
        let attempt = hexadecimal(nonces + code.proof(.claimer, claimer: bob, node: alice, nonces: nonces))
        files.answer += [7]
        #expect(judge(attempt) == .right && nonce == Array(nonces[..<16]))
        #expect(files.answer == code.proof(.node, claimer: bob, node: alice, nonces: nonces) + [7])
        for wrong in [hexadecimal(nonces + code.proof(.node, claimer: bob, node: alice, nonces: nonces)), hexadecimal(nonces + code.proof(.claimer, claimer: bob, node: bob, nonces: nonces)),
                      hexadecimal(nonces + code.proof(.claimer, claimer: bob, node: alice, nonces: nonces.reversed())), hexadecimal([UInt8](repeating: 0, count: 64))] {
            #expect(judge(wrong) == .wrong)
        }
        #expect(judge(attempt, by: carol) == .wrong, "another claimer")
        for other in [Array(attempt.dropLast()), attempt + [0x30], Array("G".utf8) + attempt.dropFirst(), attempt.dropLast() + [0x2F], attempt.dropLast() + [0x41]] {
            #expect(judge(other) == .none)
        }
    }

    /// A write that fails leaves no code that could be taken for one that was shown.
    @Test func aFullDisk() throws {
        for fault in [ErrorNumber.noSpace, -5] {
            let board = try Board()
            withFaults({ $0 == "write" ? fault : 0 }) {
                let start = board.start()
                #expect(start.uri == nil && start.error == ErrorNumber.noSpace)
            }
            #expect(try board.text(board.code) == nil && board.start().uri != nil)
        }
    }
}
