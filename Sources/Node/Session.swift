import Account
import CLinux
import Content
import EventLoop
import GnuPG
import OpenPGP
import System
import TLS

/// An unlocked account for one command: its own working directory, its own gpg, gone when the command ends.
package final class Session {
    package let root: String
    package let account: UnlockedAccount
    package let clock: NodeClock
    package let gnuPG: GnuPG
    private let home: WorkingDirectory
    package let loop: EventLoop

    /// Unlocks the account that `--root`, `--passphrase-file` and `--runtime` name.
    ///
    /// - Parameter signingKey: gets the primary key, for TLS.
    convenience init(_ invocation: Invocation, signingKey: SigningKey? = nil) throws(CommandError) {
        try self.init(root: try invocation.required("--root"), passphraseFile: invocation.value("--passphrase-file"), runtime: invocation.value("--runtime"),
                      signingKey: signingKey)
    }

    /// Unlocks the account in a Mau directory.
    package init(root: String, passphraseFile: String?, runtime: String?, signingKey: SigningKey? = nil) throws(CommandError) {
        self.root = root
        let unlocked = try UnlockedHome(root: root, passphraseFile: passphraseFile, runtime: runtime, signingKey: signingKey)
        home = unlocked.directory
        account = unlocked.account
        do throws(SystemError) { loop = try EventLoop(clock: SystemClock()) } catch { throw CommandError("cannot start", error) }
        clock = unlocked.clock(SystemClock())
        gnuPG = try unlocked.gnuPG(loop: loop, clock: clock)
    }

    /// GnuPG's directory in memory for this command; it goes with the command, also when a signal ends it.
    @inline(never)
    package static func workingDirectory(_ runtime: String?) throws(CommandError) -> WorkingDirectory {
        do throws(GnuPGError) {
            let directory = try WorkingDirectory(runtime: runtime)
            directory.removeAtSignals()
            return directory
        } catch { throw CommandError(error) }
    }

    /// The friends, their keys imported. What lies in `.mau` and is no friend's key is told on standard error: someone may be
    /// missing. So every verb does that reads the friends' keys, and no other.
    package func friends(of program: StaticString = "maud") throws(CommandError) -> Friends {
        let friends = Friends(MauDirectory(root), gnupg: gnuPG, owner: account.fingerprint)
        _ = try finish { friends.load(completion: $0) }
        for odd in friends.oddFiles { Output.standardError("\(program): .mau/\(printable(odd.path)) is skipped: \(odd.reason)\n" as Message) }
        return friends
    }

    /// Runs the loop until an operation has completed.
    package func finish<Value>(_ start: (@escaping (Result<Value, AccountError>) -> Void) -> Void) throws(CommandError) -> Value {
        var result: Result<Value, AccountError>?
        start { result = $0 }
        while true {
            switch result {
            case .success(let value): return value
            case .failure(let error): throw CommandError(error)
            case nil: break
            }
            do throws(SystemError) { try loop.runOnce(wait: true) } catch { throw CommandError("the event loop failed", error) }
        }
    }

    /// The same for an operation of gpg.
    package func finish<Value>(_ start: (@escaping GnuPG.Completion<Value>) -> Void) throws(CommandError) -> Value {
        do throws(GnuPGError) { return try gnuPG.wait(start) } catch { throw CommandError(error) }
    }
}

/// GnuPG's working directory with the account's keys in it. A child process opened the account: this one never held the
/// passphrase or a secret key but the one to sign handshakes with, if asked for. To be made before there is a thread.
struct UnlockedHome {
    let directory: WorkingDirectory
    let account: UnlockedAccount
    private let keyPassphrase: LockedMemory?

    @inline(never)
    init(root: String, passphraseFile: String?, runtime: String?, signingKey: SigningKey? = nil) throws(CommandError) {
        directory = try Session.workingDirectory(runtime)
        do throws(AccountError) {
            (account, keyPassphrase) = try Account.unlock(MauDirectory(root), passphrase: .choose(file: passphraseFile), directory: directory,
                                                          signingKey: signingKey)
        } catch { throw CommandError(error) }
    }

    /// No time is before the key's creation and the build.
    func clock(_ clock: SystemClock) -> NodeClock { NodeClock(clock: clock, floor: max(account.creationTime, maud_build_time()) * nanosecondsPerSecond) }

    @inline(never)
    func gnuPG(loop: EventLoop, clock: NodeClock) throws(CommandError) -> GnuPG {
        do throws(GnuPGError) {
            let gnuPG = try GnuPG(home: directory.path, loop: loop, clock: clock)
            gnuPG.account = account.key
            gnuPG.keyPassphrase = keyPassphrase
            return gnuPG
        } catch { throw CommandError(error) }
    }
}

extension CommandError {
    package init(_ error: AccountError) { self.init(error.exitCode, error.description) }
    package init(_ error: ContentError) { self.init(error.exitCode, error.description) }
    package init(_ error: GnuPGError) { self.init(error.exitCode, error.description) }
}

extension CommonOptions {
    /// The fingerprint that an argument is.
    package static func fingerprint(_ text: String) throws(CommandError) -> Fingerprint {
        guard let fingerprint = Fingerprint(text) else { throw CommandError(.usage, "\(printable(text)) is not a fingerprint (40 hexadecimal digits)") }
        return fingerprint
    }
}

/// Text from outside for a terminal: control characters become question marks.
package func printable(_ text: String) -> [UInt8] { printable(Array(text.utf8)) }
package func printable(_ octets: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    for (index, octet) in octets.enumerated() {
        // C1 control characters are C2 80 to C2 9F in UTF-8.
        let isC1 = octet & 0xE0 == 0x80 && index > 0 && octets[index - 1] == 0xC2
        out.append(octet < 0x20 || octet == 0x7F || isC1 ? 0x3F : octet)
    }
    return out
}
