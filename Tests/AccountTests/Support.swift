import CLinux
import EventLoop
import Glibc
import GnuPG
import OpenPGP
import System
import Testing
@testable import Account

/// All suites that run gpg: one after the other.
@Suite(.serialized) struct WithAccount {}

/// A path in Tests/Fixtures.
func fixturePath(_ path: String, _ file: StaticString = #filePath) -> String {
    var parts = "\(file)".split(separator: "/").map(String.init)
    parts.removeLast(2)
    return "/" + parts.joined(separator: "/") + "/Fixtures/" + path
}
func fixture(_ path: String) throws -> [UInt8] { try Files.read(fixturePath(path), limit: 1 << 20) }

/// Runs a program and returns its exit code and standard output.
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

/// A directory that goes with the test.
final class Place {
    let path: String
    init() throws {
        path = "/tmp/maud-account-\(Random.octets(8).map { String($0, radix: 16) }.joined())"
        try Files.makeDirectory(path)
    }
    deinit { try? Files.removeTree(path) }
    var mau: MauDirectory { MauDirectory("\(path)/root") }
    func file(_ text: String, _ name: String) throws -> String {
        try Files.write(Array(text.utf8), to: "\(path)/\(name)")
        return "\(path)/\(name)"
    }
    func passphrase(_ text: String, _ name: String = "passphrase") throws -> PassphraseSource { .file(try file(text, name)) }
    /// A copy of a fixture's Mau directory.
    func copy(_ fixture: String) throws -> MauDirectory {
        #expect(try run(["cp", "-r", fixturePath(fixture), "\(path)/root"]).code == 0)
        #expect(try run(["chmod", "-R", "u+w", "\(path)/root"]).code == 0)
        return mau
    }
}

func workingDirectory() throws -> WorkingDirectory { try WorkingDirectory(runtime: "/dev/shm") }
func nodeClock() -> NodeClock { NodeClock(clock: SystemClock(), floor: 0) }

/// The error that `body` throws.
func accountError(_ body: () throws -> Void) -> AccountError? {
    do { try body(); return nil } catch { return error as? AccountError }
}

/// An unlocked account with an engine, as the verbs use it.
final class Session {
    let loop: EventLoop
    let directory: WorkingDirectory
    let gnupg: GnuPG
    let account: UnlockedAccount
    init(_ mau: MauDirectory, _ passphrase: PassphraseSource) throws {
        directory = try workingDirectory()
        let (account, keyPassphrase) = try Account.unlock(mau, passphrase: passphrase, directory: directory)
        self.account = account
        loop = try EventLoop(clock: SystemClock())
        gnupg = try GnuPG(home: directory.path, loop: loop, clock: nodeClock())
        gnupg.account = account.key
        gnupg.keyPassphrase = keyPassphrase
    }
}

let alice = Fingerprint("a62fd4d43e3fc83ec3bedef69c780921444be7d5")!
let bob = Fingerprint("60efbd960ca2b419024eab13e196d2afb324beec")!
let carol = Fingerprint("d954fcaae5ecce317b1a92dc2753a65a37372912")!
let dave = Fingerprint("2970839f0fab5841e346f75e398c312af0c2d293")!
let gina = Fingerprint("3e4b69d8c6e598a4d97a9c40cef1a88bb7b6f98c")!
let subsig = Fingerprint("c8a510197cdd94bd2470b8254df00c9034404f75")!
let prot = Fingerprint("032681c4e0ecf1d68b1447d957d7049c4e098ad0")!
