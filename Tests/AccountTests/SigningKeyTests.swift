import GnuPG
import OpenPGP
import System
import TLS
import Testing
@testable import Account

extension WithAccount {
    /// The primary key comes from the child process that opens the account into memory that this one locked.
    @Suite struct SigningKeyTests {
        @Test(arguments: [("ref/alice", alice), ("ref/carol", carol), ("gnupg24/gina", gina)])
        func unlockingFillsTheKey(_ name: String, _ fingerprint: Fingerprint) throws {
            let place = try Place(), mau = try place.copy(name), key = try SigningKey()
            let passphrase = try place.passphrase("fixture-" + name.split(separator: "/")[1])
            let directory = try workingDirectory()
            _ = try Account.unlock(mau, passphrase: passphrase, directory: directory, signingKey: key)
            #expect(key.isSet && key.fingerprint == fingerprint)
        }

        @Test func aWrongPassphraseFillsNothing() throws {
            let place = try Place(), mau = try place.copy("ref/alice"), key = try SigningKey()
            let passphrase = try place.passphrase("wrong"), directory = try workingDirectory()
            let error = accountError { _ = try Account.unlock(mau, passphrase: passphrase, directory: directory, signingKey: key) }
            if case .wrongPassphrase? = error {} else { Issue.record("\(String(describing: error))") }
            #expect(!key.isSet)
        }
    }
}
