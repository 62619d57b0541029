import CLinux
import Glibc
import GnuPG
import OpenPGP
import System
import Testing
@testable import Account

/// With swap on a disk no secret key is in the working directory in the clear, not for a moment.
extension WithAccount {
    @Suite struct SwapTests {
        /// Needs root, for a mount namespace with another /proc/swaps; elsewhere the pieces are tested one by one.
        @Test(.enabled(if: geteuid() == 0), arguments: [("ref/alice", "fixture-alice", alice), ("ref/carol", "fixture-carol", carol), ("gnupg24/subsig", "fixture-subsig", subsig)])
        func keysAreProtected(_ name: String, _ passphrase: String, _ fingerprint: Fingerprint) throws {
            let place = try Place(), mau = try place.copy(name), source = try place.passphrase(passphrase)
            let swaps = try place.file("Filename Type Size Used Priority\n/dev/sda2 partition 2097148 0 -2\n", "swaps")
            let pid = maud_fork()
            if pid == 0 { maud_exit(inNamespace(swaps, mau, source, fingerprint, name)) }
            #expect(maud_wait(pid) == 0)
        }

        /// Returns 0, or the number of the step that failed.
        private func inNamespace(_ swaps: String, _ mau: MauDirectory, _ source: PassphraseSource, _ fingerprint: Fingerprint, _ name: String) -> Int32 {
            // Also the way into a mount namespace of our own.
            guard (try? Files.makeDirectory(mau.path + "-ramfs")) != nil, maud_private_ramfs(mau.path + "-ramfs") == 0,
                  mount(swaps, "/proc/swaps", nil, 4096, nil) == 0, Swap.reachesDisk else { return 1 }
            let session: Session
            do { session = try Session(mau, source) } catch { say("\(error)"); return 2 }
            guard session.account.fingerprint == fingerprint, session.gnupg.keyPassphrase?.count == 64 else { return 3 }
            guard let directory = try? FileDescriptor.open("\(session.directory.path)/private-keys-v1.d", [.read, .directory]) else { return 4 }
            var files = 0, good = 0
            try? Files.forEachName(inDirectory: directory.rawValue) { (name) throws(SystemError) in
                files += 1
                if SecretWorkshop.isProtected(try Files.read(String(cString: name), limit: 1 << 20, in: directory.rawValue)) { good += 1 }
                return true
            }
            guard files >= 2, files == good else { return 5 }
            // The keys work with the random passphrase, and only with it.
            guard let message = try? session.gnupg.wait({ session.gnupg.sign([1, 2], recipients: [fingerprint], completion: $0) }) else { return 6 }
            guard let opened = try? session.gnupg.wait({ session.gnupg.open(message.octets, completion: $0) }), opened.content == [1, 2] else { return 7 }
            session.gnupg.keyPassphrase = nil
            if (try? session.gnupg.wait({ session.gnupg.sign([1], completion: $0) })) != nil { return 8 }
            // The ramfs was the child's alone: what is left of it here is an empty directory.
            if (try? Files.status("\(session.directory.path)/secret/private-keys-v1.d")) ?? nil != nil { return 9 }
            // New accounts and imported ones are made in the ramfs.
            let second = MauDirectory(mau.path + "-2")
            guard let created = try? Account.create(second, name: "A", mail: nil, passphrase: source, directory: workingDirectory(), clock: nodeClock()),
                  (try? Session(second, source))?.account.fingerprint == created.fingerprint else { return 10 }
            // A ramfs is never swapped: nothing has to be done for what lies there.
            guard session.directory.isSwapped, let inRamfs = try? WorkingDirectory(runtime: mau.path + "-ramfs"), !inRamfs.isSwapped else { return 11 }
            inRamfs.remove()
            session.directory.remove()
            return 0
        }

        @Test func withoutAWayItIsRefused() throws {
            // A ramfs cannot be mounted on what is no directory.
            #expect(maud_fork_result { maud_private_ramfs("/dev/null/x") < 0 ? 0 : 1 } == 0)
            let error = AccountError.gnupg(.swapNotSafe(SystemError(code: ErrorNumber.notPermitted, call: "mount", subject: "ramfs")))
            #expect(error.exitCode == .unavailable)
        }
    }
}

private func maud_fork_result(_ body: () -> Int32) -> Int32 {
    let pid = maud_fork()
    if pid == 0 { maud_exit(body()) }
    return maud_wait(pid)
}

private func say(_ text: String) { Output.standardError(Message(text + "\n")) }
