import CLinux
import EventLoop
import Glibc
import OpenPGP
import System
import Testing
@testable import GnuPG

/// Runs a program and returns its exit code and standard output: the judge is never our own code.
func run(_ arguments: [String]) throws -> (code: Int32, output: [UInt8]) {
    var pointers: [UnsafePointer<CChar>?] = arguments.map { UnsafePointer(strdup($0)) }
    pointers.append(nil)
    defer { for pointer in pointers { free(UnsafeMutableRawPointer(mutating: pointer)) } }
    var descriptor: Int32 = -1
    let pid = try check(maud_spawn(pointers, &descriptor), "fork")
    let pipe = FileDescriptor(owning: descriptor)
    _ = fcntl(descriptor, F_SETFL, 0)
    let output = try pipe.readToEnd(limit: 64 << 20)
    return (maud_wait(pid), output)
}

/// Arguments of `sq verify` for a signed message: Debian 12's sq names them otherwise than Debian 13's.
func sequoiaVerify(_ key: String, _ file: String) throws -> [String] {
    let isOld = try run(["sq", "--version"]).output.starts(with: Array("sq 0.".utf8))
    return ["sq", "verify"] + (isOld ? ["--signer-cert"] : ["--message", "--signer-file"]) + [key, file]
}

/// Stock gpg with its default options and a fresh home, as a stranger has it.
final class StockGnuPG {
    let home: String
    init() throws {
        home = "/dev/shm/stock-\(Random.octets(8).map { String($0) }.joined())"
        try Files.makeDirectory(home)
    }
    deinit {
        _ = try? run(["gpgconf", "--homedir", home, "--kill", "all"])
        try? Files.removeTree(home)
    }
    func gpg(_ arguments: [String]) throws -> (code: Int32, output: [UInt8]) {
        try run(["gpg", "--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""] + arguments)
    }
    func file(_ octets: [UInt8], _ name: String = "file") throws -> String {
        try Files.write(octets, to: "\(home)/\(name)")
        return "\(home)/\(name)"
    }
}

private func types(_ message: [UInt8]) throws -> [UInt8] {
    try message.withUnsafeBytes { octets in
        var reader = PacketReader(octets), types: [UInt8] = []
        while let packet = try reader.next() { types.append(packet.type.rawValue) }
        return types
    }
}

extension WithGnuPG {
    @Suite struct SigningTests {
        @Test func aPublicMessageIsThreePacketsAndStockGnuPGVerifiesIt() throws {
            let peer = try Peer(account: "gnupg24/gina", passphrase: "fixture-gina"), stock = try StockGnuPG()
            let content = try fixture("plain/crlf.txt")
            let before = maud_realtime() / nanosecondsPerSecond
            let message = try peer.sign(content)
            #expect(try types(message.octets) == [4, 11, 2])
            #expect(try message.octets.withUnsafeBytes { try LiteralData(ofMessage: $0).mode } == UInt8(ascii: "b"))
            #expect((before...before + 5).contains(message.time / nanosecondsPerSecond))
            let file = try stock.file(message.octets)
            #expect(try stock.gpg(["--import", fixturePath("keys/gnupg24-gina.asc")]).code == 0)
            let verified = try stock.gpg(["--decrypt", file])
            #expect(verified.code == 0)
            #expect(verified.output == content)
            // And an implementation that is not GnuPG.
            let sq = try run(sequoiaVerify(fixturePath("keys/gnupg24-gina.asc"), file))
            #expect(sq.code == 0)
            #expect(sq.output == content)
            #expect(try peer.open(message.octets).signer == gina)
        }

        @Test func anEncryptedMessageOpensForEachRecipientAndForOurselves() throws {
            let peer = try Peer(account: "gnupg24/gina", passphrase: "fixture-gina")
            let content = try fixture("plain/blob.bin")
            let message = try peer.sign(content, to: [alice, carol])
            // PKESK for each, then SEIPD version 1: what the Go implementation reads.
            #expect(try types(message.octets) == [1, 1, 1, 18])
            try message.octets.withUnsafeBytes { octets in
                var reader = PacketReader(octets)
                while let packet = try reader.next() {
                    guard packet.type == .encryptedAndProtectedData else { continue }
                    var body = packet.body
                    #expect(try body.octet() == 1)
                }
            }
            for (account, passphrase) in [("gnupg24/gina", "fixture-gina"), ("ref/alice", "fixture-alice"), ("ref/carol", "fixture-carol")] {
                let opened = try Peer(account: account, passphrase: passphrase).open(message.octets)
                #expect(opened.content == content)
                #expect(opened.signer == gina)
            }
        }

        @Test(arguments: [("ref/alice", "fixture-alice", alice), ("ref/carol", "fixture-carol", carol), ("gnupg24/subsig", "fixture-subsig", subsig)])
        func everyKindOfKeySigns(_ account: String, _ passphrase: String, _ fingerprint: Fingerprint) throws {
            let peer = try Peer(account: account, passphrase: passphrase)
            #expect(peer.gnupg.account?.canPrimarySign == (fingerprint != subsig))
            let message = try peer.sign([1, 2, 3])
            let stock = try StockGnuPG(), name = account.split(separator: "/").joined(separator: "-")
            #expect(try stock.gpg(["--import", fixturePath("keys/\(name).asc")]).code == 0)
            let status = try stock.gpg(["--status-fd", "1", "--verify", try stock.file(message.octets)]).output.text
            let valid = try #require(status.split(separator: "\n").first { $0.hasPrefix("[GNUPG:] VALIDSIG ") }).split(separator: " ")
            let issuer = Fingerprint(valid[2].lowercased())
            #expect(issuer == peer.gnupg.account?.signingKey)
            #expect((issuer == fingerprint) == (fingerprint != subsig))
            #expect(try Peer(account: "gnupg24/gina", passphrase: "fixture-gina").open(message.octets).signer == fingerprint)
        }

        /// The board's clock stands in 1970: signatures carry the floor plus the time since boot, and stock gpg verifies them.
        @Test func anUnsetClock() throws {
            let clock = SimulatedClock(realtime: 5 * nanosecondsPerSecond)
            let creation: Int64 = 1_795_251_929 // gina's
            let peer = try Peer(account: "gnupg24/gina", passphrase: "fixture-gina", clock: clock, floor: creation * nanosecondsPerSecond)
            #expect(peer.gnupg.account?.creationTime == creation)
            clock.sinceBoot = 42 * nanosecondsPerSecond
            let message = try peer.sign([1, 2, 3])
            #expect(message.time == (creation + 42) * nanosecondsPerSecond)
            let stock = try StockGnuPG()
            #expect(try stock.gpg(["--import", fixturePath("keys/gnupg24-gina.asc")]).code == 0)
            #expect(try stock.gpg(["--decrypt", try stock.file(message.octets)]).code == 0)
            // Friends made their keys and signatures later than that: they count all the same.
            #expect(try peer.open(try fixture("ref/carol/\(carol.description)/hello.json.pgp").isEmpty ? [] : message.octets).signer == gina)
            let toAlice = try peer.sign([4, 5], to: [alice])
            #expect(try types(toAlice.octets) == [1, 1, 18])
            let opened = try Peer(account: "ref/alice", passphrase: "fixture-alice").open(toAlice.octets)
            #expect(opened.content == [4, 5])
            // The clock gets set: no trace of the other time stays.
            clock.realtime = maud_realtime()
            #expect(abs(try peer.sign([6]).time - maud_realtime()) < 5 * nanosecondsPerSecond)
        }

        /// A friend with a right clock signs with a key that is, for us, not made yet.
        @Test func keysAndSignaturesFromOurFuture() throws {
            let clock = SimulatedClock(realtime: 5 * nanosecondsPerSecond)
            let peer = try Peer(clock: clock, floor: 1_000_000_000 * nanosecondsPerSecond)
            try peer.importEveryone()
            #expect(try peer.open(try fixture("gnupg24/gina/\(gina.description)/public.json.pgp")).signer == gina)
            let future = try Peer(account: "gnupg24/gina", passphrase: "fixture-gina", clock: clock, floor: 4_000_000_000 * nanosecondsPerSecond)
            let message = try future.sign([1])
            #expect(message.time == 4_000_000_000 * nanosecondsPerSecond)
            #expect(try Peer(account: "ref/alice", passphrase: "fixture-alice").open(message.octets).time == message.time)
        }

        @Test func unknownRecipientsAreRefused() throws {
            let peer = try Peer(account: "gnupg24/gina", passphrase: "fixture-gina")
            let stranger = Fingerprint("00112233445566778899aabbccddeeff00112233")!
            let result = Result { try peer.sign([1], to: [stranger]) }
            guard case .failure(let error) = result, case .unusableRecipient? = error as? GnuPGError else { Issue.record("\(result)"); return }
            #expect(try peer.sign([1]).octets.isEmpty == false, "the next one works")
        }

        @Test func theQueueIsBoundedAndInOrder() throws {
            let peer = try Peer(account: "gnupg24/gina", passphrase: "fixture-gina")
            var done: [Int] = [], refused = 0
            for index in 0..<Bounds.openPGPOperations + 3 {
                peer.gnupg.sign([UInt8(index)]) { result in
                    switch result {
                    case .success: done.append(index)
                    case .failure(.busy): refused += 1
                    case .failure(let error): Issue.record("\(error)")
                    }
                }
            }
            #expect(refused == 3)
            while peer.gnupg.pending > 0 { try peer.loop.runOnce(wait: true) }
            #expect(done == Array(0..<Bounds.openPGPOperations))
        }

        @Test func withoutAnAccountNothingIsSigned() throws {
            let peer = try Peer()
            let result = Result { try peer.sign([1]) }
            guard case .failure(let error) = result, case .unusableSigningKey? = error as? GnuPGError else { Issue.record("\(result)"); return }
        }
    }
}
