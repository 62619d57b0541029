import Glibc
import GnuPG
import TestSupport
import System
import Testing
@testable import Account
@testable import Node

@Suite struct ResetTests {
    private static let own = "0123456789abcdef0123456789abcdef01234567", friend = "a62fd4d43e3fc83ec3bedef69c780921444be7d5"

    /// A Mau directory, a state directory, and what is none of the node's.
    private func make() throws -> String {
        let path = "/tmp/maud-reset-\(Random.octets(8).map { String($0, radix: 16) }.joined())"
        for directory in ["", "/root", "/root/.mau", "/root/.mau/controllers", "/root/\(ResetTests.own)", "/root/\(ResetTests.own)/a.pgp.versions", "/root/.\(ResetTests.friend)",
                          "/root/notes", "/state"] { try Files.makeDirectory(path + directory) }
        for file in ["/root/.mau/account.pgp", "/root/.mau/sync_state.json", "/root/.mau/controllers/\(ResetTests.friend).pgp", "/root/\(ResetTests.own)/a.pgp",
                     "/root/\(ResetTests.own)/a.pgp.versions/1.pgp", "/root/.\(ResetTests.friend)/c-1.json.pgp", "/root/.maud-key.tmp", "/root/notes/mine", "/state/ledger", "/state/index",
                     "/state/sync", "/state/other"] { try Files.write([1], to: path + file) }
        return path
    }

    @Test func everythingOfTheNodeGoesAndNothingElse() throws {
        let path = try make()
        defer { try? Files.removeTree(path) }
        try Reset(root: path + "/root", state: path + "/state").run()
        #expect(try names(inDirectory: path + "/root") == ["notes"] && names(inDirectory: path + "/root/notes") == ["mine"])
        #expect(try names(inDirectory: path + "/state") == ["other"])
    }

    /// Cut anywhere: either nothing has happened, or there is no account any more and a second run ends it. A new account is refused until then.
    @Test func aResetThatIsCutAnywhere() throws {
        let home = try WorkingDirectory(runtime: "/dev/shm")
        defer { home.remove() }
        var number = 0, isDone = false, begun = 0
        while !isDone {
            let path = try make(), mau = MauDirectory(path + "/root")
            defer { try? Files.removeTree(path) }
            isDone = diesAtCall(number) { if let reset = try? Reset(root: path + "/root", state: path + "/state") { try? reset.run() } }
            let account = try Files.status(mau.account) != nil, isBegun = try Files.status(mau.interruptedReset) != nil
            if account {
                #expect(!isBegun)
                #expect(try names(inDirectory: mau.keys) == ["account.pgp", "controllers", "sync_state.json"])
                #expect(try names(inDirectory: path + "/root/\(ResetTests.own)") == ["a.pgp", "a.pgp.versions"] && names(inDirectory: path + "/state").count == 4)
            } else if isBegun {
                begun += 1
                #expect {
                    _ = try Account.create(mau, name: "x", mail: nil, passphrase: .file("/dev/null"), directory: home, clock: NodeClock(clock: SystemClock(), floor: 0))
                } throws: { if case .resetInterrupted? = $0 as? AccountError { true } else { false } }
            }
            if account || isBegun { try Reset(root: path + "/root", state: path + "/state").run() }
            #expect(try names(inDirectory: path + "/root") == ["notes"] && names(inDirectory: path + "/state") == ["other"], "call \(number)")
            number += 1
        }
        #expect(begun > 20)
    }

    @Test func whatIsNoMauDirectoryIsLeftAlone() throws {
        let path = try make()
        defer { try? Files.removeTree(path) }
        #expect { try Reset(root: path, state: path + "/state") } throws: { ($0 as? CommandError)?.exitCode == .noInput }
        #expect { try Reset(root: path + "/root/notes", state: path + "/state") } throws: { ($0 as? CommandError)?.exitCode == .noInput }
    }

    /// A name is not where it leads: what a link points to is not ours.
    @Test func linksAreRemovedNotFollowed() throws {
        let path = try make()
        defer { try? Files.removeTree(path) }
        #expect(symlink(path + "/root/notes", path + "/root/\(ResetTests.friend)") == 0)
        try Reset(root: path + "/root", state: path + "/missing").run()
        #expect(try names(inDirectory: path + "/root") == ["notes"] && names(inDirectory: path + "/root/notes") == ["mine"] && names(inDirectory: path + "/state").count == 4)
    }
}
