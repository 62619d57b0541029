import CLinux
import Glibc
import System
import TestSupport
import Testing
@testable import GnuPG

/// A base directory in memory for one test.
private final class Base {
    let path = "/dev/shm/base-\(Random.octets(8).map { String($0, radix: 16) }.joined())"
    init() throws { try Files.makeDirectory(path) }
    deinit { try? Files.removeTree(path) }
}

extension WithGnuPG {
    @Suite struct WorkingDirectoryTests {
        @Test func isOursAloneAndGoesAtTheEnd() throws {
            let base = try Base()
            do {
                let one = try WorkingDirectory(runtime: base.path), two = try WorkingDirectory(runtime: base.path)
                #expect(one.path != two.path)
                #expect(try Files.status(one.path)?.mode == 0o700)
                #expect(try names(inDirectory: base.path).count == 2, "the second did not remove the first")
                withExtendedLifetime((one, two)) {}
            }
            #expect(try names(inDirectory: base.path) == [])
        }

        @Test func aDiskIsRefused() throws {
            // The repository lies on a disk.
            let result = Result { try WorkingDirectory(runtime: fixturePath("")) }
            guard case .failure(let error) = result, case .runtimeNotInMemory? = error as? GnuPGError else { Issue.record("\(result)"); return }
            #expect((error as? GnuPGError)?.exitCode == .unavailable)
            #expect(throws: GnuPGError.self) { try WorkingDirectory(runtime: "/no/such/directory") }
        }

        @Test func theEnvironmentIsAskedInOrder() throws {
            let first = try Base(), second = try Base()
            _ = maud_set_environment("RUNTIME_DIRECTORY", "\(first.path):/elsewhere")
            _ = maud_set_environment("XDG_RUNTIME_DIR", second.path)
            defer { maud_unset_environment("RUNTIME_DIRECTORY"); maud_unset_environment("XDG_RUNTIME_DIR") }
            #expect(try WorkingDirectory(runtime: nil).path.hasPrefix(first.path))
            _ = maud_set_environment("RUNTIME_DIRECTORY", fixturePath(""))
            #expect(try WorkingDirectory(runtime: nil).path.hasPrefix(second.path), "what lies on a disk is passed over")
        }

        @Test func whatTheDeadLeftIsRemovedWithTheirAgents() throws {
            let base = try Base()
            // A process that starts an agent and dies without a word.
            let pid = maud_fork()
            if pid == 0 {
                guard let directory = try? WorkingDirectory(runtime: base.path) else { maud_exit(1) }
                _ = try? run(["gpg", "--homedir", directory.path, "--batch", "--pinentry-mode", "loopback", "--passphrase", "", "--quick-gen-key", "a", "ed25519"])
                maud_kill(maud_process_id(), 9)
                maud_exit(1)
            }
            #expect(maud_wait(pid) == 256 + 9)
            let left = try names(inDirectory: base.path)
            #expect(left.count == 1)
            let socket = "\(base.path)/\(left[0])/S.gpg-agent"
            #expect(try Files.status(socket)?.kind == UInt32(MAUD_FILE_SOCKET))
            let agent = maud_connect_unix_blocking(Files.currentDirectory, socket)
            #expect(agent >= 0)
            // Not ours: other names, other kinds.
            try Files.makeDirectory("\(base.path)/maud-precious")
            try Files.write([], to: "\(base.path)/maud-0123456789abcdef")
            let mine = try WorkingDirectory(runtime: base.path)
            #expect(try names(inDirectory: base.path) == [String(mine.path.split(separator: "/").last!), "maud-0123456789abcdef", "maud-precious"].sorted())
            // The agent ended: its side of our connection closes.
            var octets = [UInt8](repeating: 0, count: 256)
            while maud_read(agent, &octets, 256) > 0 {}
            _ = maud_close(agent)
        }

        @Test func theAgentsSocketLiesInTheHomeAndEndsWithIt() throws {
            var home = ""
            do {
                let peer = try Peer(account: "gnupg24/gina", passphrase: "fixture-gina")
                home = peer.directory.path
                _ = try peer.sign([1])
                #expect(try Files.status("\(home)/S.gpg-agent")?.kind == UInt32(MAUD_FILE_SOCKET))
            }
            #expect(try Files.status(home) == nil)
            #expect(try run(["pgrep", "-f", home]).code == 1, "an agent is left")
        }

        /// A socket's path has 107 octets: a base that is too deep is refused before gpg fails in some strange way.
        @Test func aPathTooLongForASocket() throws {
            let base = try Base(), deep = base.path + "/" + String(repeating: "x", count: 80)
            try Files.makeDirectory(deep)
            #expect(throws: GnuPGError.self) { try WorkingDirectory(runtime: deep) }
            #expect(try names(inDirectory: deep) == [])
        }
    }

    @Suite struct SwapTests {
        private func hasDisk(_ areas: String, backed: Bool = false) -> Bool { Swap.hasDiskArea(Array(areas.utf8)) { _ in backed } }
        private let heading = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"

        @Test func whatCountsAsADisk() {
            #expect(!hasDisk(heading))
            #expect(hasDisk(heading + "/dev/sda2                               partition\t2097148\t\t0\t\t-2\n"))
            #expect(hasDisk(heading + "/var/swap                               file\t\t102396\t\t0\t\t-2\n"))
            #expect(!hasDisk(heading + "/dev/zram0                              partition\t2097148\t\t0\t\t100\n"))
            #expect(hasDisk(heading + "/dev/zram0                              partition\t2097148\t\t0\t\t100\n", backed: true))
            #expect(hasDisk(heading + "/dev/zram0 partition 1 0 100\n/dev/mmcblk0p3 partition 1 0 -2\n"))
        }
    }

    @Suite struct ProcessTests {
        /// Each operation executes gpg once; gpgconf and gpgsm never run.
        @Test func gpgOnly() throws {
            // strace is not everywhere; a PATH of wrappers that note their names is.
            let base = try Base(), log = "\(base.path)/log"
            for name in ["gpg", "gpgconf", "gpgsm"] {
                let script = "#!/bin/sh\necho \(name) >> \(log)\nexec /usr/bin/\(name) \"$@\"\n"
                try Files.write(Array(script.utf8), to: "\(base.path)/\(name)", mode: 0o700)
            }
            let path = String(cString: getenv("PATH"))
            let pid = maud_fork()
            if pid == 0 {
                _ = maud_set_environment("PATH", "\(base.path):\(path)")
                guard let peer = try? Peer(account: "gnupg24/gina", passphrase: "fixture-gina") else { maud_exit(1) }
                try? Files.remove(log)
                for index in 0..<5 { if (try? peer.sign([UInt8(index)])) == nil { maud_exit(2) } }
                guard let message = try? peer.sign([1], to: [alice]), (try? peer.open(message.octets)) != nil else { maud_exit(3) }
                peer.directory.remove()
                maud_exit(0)
            }
            #expect(maud_wait(pid) == 0)
            #expect(try Files.read(log, limit: 4096).text == String(repeating: "gpg\n", count: 7))
        }

        @Test func withoutGPGThereIsAClearError() throws {
            let pid = maud_fork()
            if pid == 0 {
                _ = maud_set_environment("PATH", "/nowhere")
                do { _ = try Peer() } catch {
                    if case .programMissing? = error as? GnuPGError { maud_exit(69) }
                }
                maud_exit(1)
            }
            #expect(maud_wait(pid) == 69)
        }
    }
}
