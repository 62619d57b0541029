import Account
import CLinux
import GnuPG
import OpenPGP
import System

/// Where the identity of a new account comes from.
package enum NewIdentity {
    /// A new key for this user id.
    case user(name: String, mail: String?)
    /// A secret key that was made elsewhere, and the file with its own passphrase.
    case file(String, passphraseFile: String?)

    /// Makes the account in a Mau directory that has none.
    package func makeAccount(_ mau: MauDirectory, passphraseFile: String?, runtime: String?) throws(CommandError) -> Fingerprint {
        let home = try Session.workingDirectory(runtime)
        let clock = NodeClock(clock: SystemClock(), floor: maud_build_time() * nanosecondsPerSecond)
        do throws(AccountError) {
            switch self {
            case .user(let name, let mail):
                let passphrase = PassphraseSource.choose(file: passphraseFile, prompt: "New passphrase: ", isNew: true)
                return try Account.create(mau, name: name, mail: mail, passphrase: passphrase, directory: home, clock: clock).fingerprint
            case .file(let file, let keyPassphraseFile):
                let passphrase = PassphraseSource.choose(file: passphraseFile, prompt: "New passphrase: ", isNew: false)
                return try Account.importAccount(mau, from: file, passphrase: passphrase, keyPassphrase: keyPassphraseFile.map { .file($0) },
                                                 directory: home, clock: clock).fingerprint
            }
        } catch { throw CommandError(error) }
    }
}

/// The verbs for the account itself.
extension CommandLineInterface {
    static var initVerb: Verb { Verb(
        name: "init", summary: "make an identity, or import one made elsewhere, into a Mau directory",
        options: [
            CommonOptions.root,
            OptionDescription("--name", "NAME", "the name in the user id (not with --import)"),
            OptionDescription("--email", "MAIL", "the mail address in the user id (not with --import)"),
            CommonOptions.passphraseFile, CommonOptions.runtime,
            OptionDescription("--import", "FILE", "a secret key export, or an account.pgp that the passphrase opens"),
            OptionDescription("--import-passphrase-file", "FILE", "the passphrase of the secret key inside FILE, when it has one of its own"),
        ], arguments: []) { (invocation) throws(CommandError) in
            let mau = MauDirectory(try invocation.required("--root"))
            let file = invocation.value("--import")
            if file == nil, !invocation.has("--name") { throw CommandError(.usage, "--name is missing") }
            if file == nil, invocation.has("--import-passphrase-file") { throw CommandError(.usage, "--import-passphrase-file needs --import") }
            if file != nil, invocation.has("--name") || invocation.has("--email") {
                throw CommandError(.usage, "an imported identity keeps its user id: --name and --email have no place with --import")
            }
            let origin: NewIdentity = if let file { .file(file, passphraseFile: invocation.value("--import-passphrase-file")) }
                else { .user(name: invocation.value("--name") ?? "", mail: invocation.value("--email")) }
            let fingerprint = try origin.makeAccount(mau, passphraseFile: invocation.value("--passphrase-file"), runtime: invocation.value("--runtime"))
            try writeOutput(fingerprint.hexadecimal + [0x0A])
            try makeClaimCode(mau, fingerprint)
        }
    }

    /// Somebody who makes an identity at a terminal is told how a new owner gets the node; a program asks with `maud claim-code`. A code that cannot be written
    /// now is made by `maud run`.
    private static func makeClaimCode(_ mau: MauDirectory, _ fingerprint: Fingerprint) throws(CommandError) {
        let files = ClaimFiles(root: mau.path, file: "")
        if files.isOwned { return }
        files.make(for: fingerprint)
        if files.isClaimable, maud_is_terminal(1) { try show(files, withPicture: true) }
    }

    static var passwdVerb: Verb { Verb(
        name: "passwd", summary: "change the account's passphrase",
        options: [
            CommonOptions.root, CommonOptions.passphraseFile,
            OptionDescription("--new-passphrase-file", "FILE", "the new passphrase (default: the terminal)"),
            CommonOptions.runtime,
        ], arguments: []) { (invocation) throws(CommandError) in
            let mau = MauDirectory(try invocation.required("--root"))
            let old = PassphraseSource.choose(file: invocation.value("--passphrase-file"), prompt: "Present passphrase: ")
            let new: PassphraseSource = invocation.value("--new-passphrase-file").map { .file($0) } ?? .terminal(prompt: "New passphrase: ", isNew: true)
            let home = try Session.workingDirectory(invocation.value("--runtime"))
            do throws(AccountError) { try Account.changePassphrase(mau, old: old, new: new, directory: home) } catch { throw CommandError(error) }
        }
    }

    static var fingerprintVerb: Verb { Verb(
        name: "fingerprint", summary: "print the account's fingerprint",
        options: [CommonOptions.root, CommonOptions.passphraseFile, CommonOptions.runtime], arguments: []) { (invocation) throws(CommandError) in
            try writeOutput(try Session(invocation).account.fingerprint.hexadecimal + [0x0A])
        }
    }

    static var exportVerb: Verb { Verb(
        name: "export", summary: "write the account's public key, binary, for friends",
        options: [
            CommonOptions.root, CommonOptions.passphraseFile, CommonOptions.runtime,
            OptionDescription("--output", "FILE", "where to (default: standard output)"),
        ], arguments: []) { (invocation) throws(CommandError) in
            let session = try Session(invocation)
            let key = try session.finish { session.gnuPG.exportPublicKey(session.account.fingerprint, completion: $0) }
            guard let path = invocation.value("--output") else { return try writeOutput(key) }
            let (directory, name) = split(path)
            do throws(SystemError) {
                // The key replaces a file. It must not replace /dev/null, which root could.
                if let status = try Files.status(path, follow: false), Int(status.kind) != MAUD_FILE_REGULAR {
                    throw SystemError(code: ErrorNumber.exists, call: "open", subject: path)
                }
                try DurableFile.write(key, to: name, in: directory, temporaryDirectory: directory, existing: .replace)
            } catch {
                throw CommandError(error.outputExitCode, "cannot write the key: \(error.description)")
            }
        }
    }

    /// The directory of a path and the name in it.
    private static func split(_ path: String) -> (directory: String, name: String) {
        let octets = Array(path.utf8)
        guard let slash = octets.lastIndex(of: 0x2F) else { return (".", path) }
        return (slash == 0 ? "/" : Array(octets[..<slash]).text, Array(octets[(slash + 1)...]).text)
    }
}
