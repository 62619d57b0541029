import CLinux
import GnuPG
import OpenPGP
import System
import Testing
@testable import Account

extension WithAccount {
    @Suite struct UnlockingTests {
        @Test(arguments: [("ref/alice", "fixture-alice", alice), ("ref/carol", "fixture-carol", carol),
                          ("gnupg24/gina", "fixture-gina", gina), ("gnupg24/subsig", "fixture-subsig", subsig)])
        func everyFixtureOpens(_ name: String, _ passphrase: String, _ fingerprint: Fingerprint) throws {
            let place = try Place(), mau = try place.copy(name)
            let session = try Session(mau, try place.passphrase(passphrase + "\n"))
            #expect(session.account.fingerprint == fingerprint)
            #expect(session.account.key.canPrimarySign == (fingerprint != subsig))
            #expect(session.account.key.encryptionKeyIDs.count == 1)
            #expect(!session.account.key.userID.isEmpty)
            #expect(session.account.creationTime > 1_700_000_000)
            // The keys work: each account has a file that it wrote to itself.
            let file = try fixture("\(name)/\(fingerprint.description)/hello.json.pgp")
            let opened = try session.gnupg.wait { session.gnupg.open(file, completion: $0) }
            #expect(opened.content == (try fixture("plain/hello.json")))
        }

        @Test func aKeyWithAPassphraseOfItsOwnIsImported() throws {
            let place = try Place(), mau = try place.copy("gnupg24/prot"), passphrase = try place.passphrase("fixture-prot")
            let unlock = accountError { _ = try Session(mau, passphrase) }
            guard case .keyHasPassphrase? = unlock else { Issue.record("\(String(describing: unlock))"); return }
            let second = try Place()
            guard case .keyHasPassphrase? = accountError({
                _ = try Account.importAccount(second.mau, from: mau.account, passphrase: passphrase, keyPassphrase: nil, directory: try workingDirectory(), clock: nodeClock())
            }) else { Issue.record("import without"); return }
            let wrong = try place.passphrase("wrong", "wrong")
            let wrongOne = accountError {
                _ = try Account.importAccount(second.mau, from: mau.account, passphrase: passphrase, keyPassphrase: wrong, directory: try workingDirectory(), clock: nodeClock())
            }
            guard case .wrongKeyPassphrase? = wrongOne else { Issue.record("\(String(describing: wrongOne))"); return }
            #expect(try Files.status(second.mau.account) == nil)
            let inner = try place.passphrase("fixture-inner", "inner")
            let account = try Account.importAccount(second.mau, from: mau.account, passphrase: passphrase, keyPassphrase: inner,
                                                    directory: try workingDirectory(), clock: nodeClock())
            #expect(account.fingerprint == prot)
            #expect(try Session(second.mau, passphrase).account.fingerprint == prot)
        }

        @Test func whatGoesWrongHasAName() throws {
            let place = try Place(), mau = try place.copy("gnupg24/gina")
            let wrong = accountError { _ = try Session(mau, try place.passphrase("fixture-alice")) }
            guard case .wrongPassphrase? = wrong, wrong?.exitCode == .noPermission else { Issue.record("\(String(describing: wrong))"); return }
            let missing = accountError { _ = try Session(MauDirectory("\(place.path)/nowhere"), try place.passphrase("x")) }
            guard case .noAccount? = missing, missing?.exitCode == .noInput else { Issue.record("\(String(describing: missing))"); return }
            let unreadable = accountError { _ = try Session(mau, .file("\(place.path)/no-such-file")) }
            guard unreadable?.exitCode == .noInput else { Issue.record("\(String(describing: unreadable))"); return }
            // A file of OpenPGP that is no account.
            try Files.write(try fixture("gnupg24/gina/\(gina.description)/hello.json.pgp"), to: mau.account)
            let other = accountError { _ = try Session(mau, try place.passphrase("fixture-gina")) }
            guard case .damagedAccount? = other, other?.exitCode == .dataError else { Issue.record("\(String(describing: other))"); return }
        }

        @Test func aDamagedAccountIsRefusedWherever() throws {
            let place = try Place(), mau = try place.copy("gnupg24/gina"), passphrase = try place.passphrase("fixture-gina")
            let whole = try Files.read(mau.account, limit: 1 << 20)
            for count in stride(from: 0, to: whole.count, by: 16) {
                try Files.write(Array(whole[..<count]), to: mau.account)
                let error = accountError { _ = try Session(mau, passphrase) }
                #expect(error?.exitCode == .dataError, "cut after \(count)")
            }
            for position in stride(from: 0, to: whole.count, by: 16) {
                var changed = whole
                changed[position] ^= 0x10
                try Files.write(changed, to: mau.account)
                let error = accountError { _ = try Session(mau, passphrase) }
                // The salt, the prefix and the check octets after it decide about the passphrase: a change there looks like a wrong one.
                let allowed: [ExitCode] = position < 40 ? [.dataError, .noPermission] : [.dataError]
                #expect(error.map { allowed.contains($0.exitCode) } == true, "octet \(position): \(error?.description ?? "opened")")
            }
        }
    }

    @Suite struct CreationTests {
        @Test func anAccountThatOtherProgramsOpen() throws {
            let place = try Place(), passphrase = try place.passphrase("correct horse\n")
            let account = try Account.create(place.mau, name: "Balcony Sensor", mail: "balcony@example.org", passphrase: passphrase,
                                             directory: try workingDirectory(), clock: nodeClock())
            #expect(account.key.userID == Array("Balcony Sensor <balcony@example.org>".utf8))
            #expect(try Files.status(place.mau.account)?.mode == 0o600)
            #expect(try Files.status(place.mau.keys)?.mode == 0o700)
            #expect(try Files.status(place.mau.content(of: account.fingerprint))?.kind == UInt32(MAUD_FILE_DIRECTORY))
            // Nothing but the account in .mau, nothing unfinished in the root.
            #expect(try run(["ls", "-A", place.mau.keys]).output.text == "account.pgp\n")
            #expect(try run(["ls", "-A", place.mau.path]).output.text == ".mau\n\(account.fingerprint.description)\n")
            // Stock gpg with the passphrase: what is inside, and how it is encrypted.
            let home = "\(place.path)/gpg"
            try Files.makeDirectory(home)
            let gpg = ["gpg", "--homedir", home, "--batch", "--pinentry-mode", "loopback", "--passphrase", "correct horse"]
            defer { _ = try? run(["gpgconf", "--homedir", home, "--kill", "all"]) }
            let packets = try run(gpg + ["--list-packets", place.mau.account]).output.text
            #expect(packets.contains("symkey enc packet: version 4, cipher 9"))
            #expect(packets.contains("s2k 3, hash 8"))
            #expect(packets.contains("mdc_method: 2"))
            #expect(packets.contains("mode b"))
            #expect(!packets.contains(":compressed"))
            let key = try run(gpg + ["--decrypt", place.mau.account]).output
            let keyFile = "\(place.path)/key"
            try Files.write(key, to: keyFile)
            let keyPackets = try run(gpg + ["--list-packets", keyFile]).output.text
            #expect(keyPackets.contains(":secret key packet:\n\tversion 4, algo 22"))
            #expect(keyPackets.contains(":secret sub key packet:\n\tversion 4, algo 18"))
            #expect(!keyPackets.contains("iter+salt S2K"), "the secret packets inside have no passphrase")
            let listing = try run(gpg + ["--with-colons", "--import-options", "show-only", "--import", keyFile]).output.text
            #expect(listing.contains("fpr:::::::::\(account.fingerprint.description.uppercased()):"))
            #expect(listing.contains(":::::::ed25519:") || listing.contains(":ed25519:"))
            // A second implementation reads the key.
            let sq = try run(["sq", "inspect", keyFile])
            #expect(sq.code == 0)
            #expect(sq.output.text.uppercased().contains(account.fingerprint.description.uppercased()))
            // And we do.
            #expect(try Session(place.mau, passphrase).account.fingerprint == account.fingerprint)
        }

        @Test func theDerivationIsStrongAndUnder100Milliseconds() throws {
            let place = try Place(), passphrase = try place.passphrase("x")
            _ = try Account.create(place.mau, name: "A", mail: nil, passphrase: passphrase, directory: try workingDirectory(), clock: nodeClock())
            let file = try Files.read(place.mau.account, limit: 1 << 20)
            // SKESK version 4: tag, length, version, cipher, S2K type 3, hash, salt (8), count.
            #expect(Array(file[2..<6]) == [4, 9, 3, 8])
            let code = Int64(file[14]), count = (16 + code & 15) << (code >> 4 + 6)
            #expect(count >= PassphraseDerivation.minimum)
            #expect(PassphraseDerivation.encodable(atMost: count) == count)
            // One step stronger takes longer than the target allows, or cannot be said: checked on the arithmetic.
            #expect(PassphraseDerivation.count(hashing: 100 << 20, took: 2_000_000_000) == PassphraseDerivation.encodable(atMost: 4_718_592))
            #expect(PassphraseDerivation.count(hashing: 1 << 20, took: 10_000_000_000) == PassphraseDerivation.minimum)
            #expect(PassphraseDerivation.count(hashing: 1 << 30, took: 1) == PassphraseDerivation.maximum)
        }

        @Test func anExistingAccountIsNeverOverwritten() throws {
            let place = try Place(), mau = try place.copy("gnupg24/gina"), before = try Files.read(mau.account, limit: 1 << 20)
            let error = accountError {
                _ = try Account.create(mau, name: "A", mail: nil, passphrase: try place.passphrase("x"), directory: try workingDirectory(), clock: nodeClock())
            }
            guard case .accountExists? = error else { Issue.record("\(String(describing: error))"); return }
            #expect(try Files.read(mau.account, limit: 1 << 20) == before)
        }

        @Test(arguments: ["", " a", "a\nExpire-Date: 1d", "a\u{7f}", String(repeating: "a", count: 201)])
        func namesThatAreNone(_ name: String) { #expect(!Account.isUserID(name, nil)) }
        @Test(arguments: ["a", "@", "a b@c", "a@b>", "a@b\n"])
        func addressesThatAreNone(_ mail: String) { #expect(!Account.isUserID("a", mail)) }

        /// The board's clock stands in 1970: the key is not older than the program.
        @Test func aKeyMadeWithAnUnsetClock() throws {
            final class Stopped: Clock {
                var realtime: Int64 { 1 }
                var sinceBoot: Int64 { 7 * nanosecondsPerSecond }
            }
            let place = try Place(), clock = NodeClock(clock: Stopped(), floor: 1_700_000_000 * nanosecondsPerSecond)
            let account = try Account.create(place.mau, name: "A", mail: nil, passphrase: try place.passphrase("x"), directory: try workingDirectory(), clock: clock)
            #expect(account.creationTime == 1_700_000_007)
        }

        @Test func exportsAndAccountsMadeElsewhereAreImported() throws {
            let place = try Place(), passphrase = try place.passphrase("fixture-carol")
            let account = try Account.importAccount(place.mau, from: fixturePath("ref/carol/.mau/account.pgp"), passphrase: passphrase, keyPassphrase: nil,
                                                    directory: try workingDirectory(), clock: nodeClock())
            #expect(account.fingerprint == carol)
            let session = try Session(place.mau, passphrase)
            let hello = try fixture("ref/carol/\(carol.description)/hello.json.pgp")
            #expect(try session.gnupg.wait { session.gnupg.open(hello, completion: $0) }.signer == carol)
            // A plain secret key export, armored.
            let home = "\(place.path)/gpg", export = "\(place.path)/export"
            try Files.makeDirectory(home)
            defer { _ = try? run(["gpgconf", "--homedir", home, "--kill", "all"]) }
            let gpg = ["gpg", "--homedir", home, "--batch", "--pinentry-mode", "loopback", "--passphrase", ""]
            #expect(try run(gpg + ["--quick-gen-key", "Other <other@example.org>", "rsa2048", "sign,cert", "never"]).code == 0)
            #expect(try run(gpg + ["--armor", "--output", export, "--export-secret-keys", "Other"]).code == 0)
            let other = try Place()
            let imported = try Account.importAccount(other.mau, from: export, passphrase: passphrase, keyPassphrase: nil,
                                                     directory: try workingDirectory(), clock: nodeClock())
            #expect(imported.key.userID == Array("Other <other@example.org>".utf8))
            #expect(try Session(other.mau, passphrase).account.fingerprint == imported.fingerprint)
            // A public key is no account.
            let third = try Place()
            let error = accountError {
                _ = try Account.importAccount(third.mau, from: fixturePath("keys/ref-bob.asc"), passphrase: passphrase, keyPassphrase: nil,
                                              directory: try workingDirectory(), clock: nodeClock())
            }
            #expect(error?.exitCode == .dataError)
            #expect(try Files.status(third.mau.account) == nil)
        }
    }

    @Suite struct PassphraseChangeTests {
        @Test func theNewOneOpensAndTheOldOneDoesNot() throws {
            let place = try Place(), mau = try place.copy("ref/alice")
            let old = try place.passphrase("fixture-alice"), new = try place.passphrase("a new one", "new")
            try Account.changePassphrase(mau, old: old, new: new, directory: try workingDirectory())
            guard case .wrongPassphrase? = accountError({ _ = try Session(mau, old) }) else { Issue.record("old"); return }
            #expect(try Session(mau, new).account.fingerprint == alice)
            #expect(try Files.status(mau.account)?.mode == 0o600)
        }

        @Test func afterAFailureTheOldFileIsThere() throws {
            let place = try Place(), mau = try place.copy("ref/alice"), before = try Files.read(mau.account, limit: 1 << 20)
            let old = try place.passphrase("fixture-alice")
            guard case .wrongPassphrase? = accountError({
                try Account.changePassphrase(mau, old: try place.passphrase("no", "no"), new: old, directory: try workingDirectory())
            }) else { Issue.record("wrong"); return }
            #expect(accountError { try Account.changePassphrase(mau, old: old, new: try place.passphrase("", "empty"), directory: try workingDirectory()) } != nil)
            #expect(try Files.read(mau.account, limit: 1 << 20) == before)
            #expect(try run(["ls", "-A", mau.path]).output.text == ".mau\n\(alice.description)\n")
        }
    }

    @Suite struct PassphraseTests {
        @Test func filesAndCredentials() throws {
            let place = try Place()
            func text(_ content: String) throws -> String { try place.passphrase(content).read().withBytes { Array($0).text } }
            #expect(try text("abc\n") == "abc")
            #expect(try text("abc") == "abc")
            #expect(try text(" a b ") == " a b ")
            #expect(throws: PassphraseError.self) { _ = try text("") }
            #expect(throws: PassphraseError.self) { _ = try text("\n") }
            #expect(throws: PassphraseError.self) { _ = try text("a\nb\n") }
            #expect(try text(String(repeating: "x", count: 255) + "\n").utf8.count == 255)
            #expect(throws: PassphraseError.self) { _ = try text(String(repeating: "x", count: 256)) }
            _ = maud_set_environment("CREDENTIALS_DIRECTORY", place.path)
            defer { maud_unset_environment("CREDENTIALS_DIRECTORY") }
            _ = try place.passphrase("from systemd\n")
            #expect(try PassphraseSource.choose(file: nil).read().withBytes { Array($0).text } == "from systemd")
            let other = try place.file("from a file", "other")
            #expect(try PassphraseSource.choose(file: other).read().withBytes { Array($0).text } == "from a file")
        }

        @Test(arguments: [100, 101, 255])
        func longOnesWork(_ count: Int) throws {
            let place = try Place(), passphrase = try place.passphrase(String(repeating: "é", count: count / 2) + String(repeating: "x", count: count % 2))
            let account = try Account.create(place.mau, name: "A", mail: nil, passphrase: passphrase, directory: try workingDirectory(), clock: nodeClock())
            #expect(try Session(place.mau, passphrase).account.fingerprint == account.fingerprint)
        }
    }
}

@Suite struct KeyFileTests {
    private func protected(_ text: String) -> Bool { SecretWorkshop.isProtected(Array(text.utf8)) }
    private func plain(_ text: String) -> Bool { SecretWorkshop.isPlain(Array(text.utf8)) }

    /// As gpg-agent 2.2 and 2.4 write them.
    @Test func whatAKeyFileHolds() {
        let encrypted = "Created: 1\nKey: (protected-private-key (ecc (curve Ed25519)(q #40#)\n (protected openpgp-s2k3-ocb-aes ((sha1"
        #expect(protected(encrypted) && !plain(encrypted))
        let clear = "Created: 1\nKey: (private-key (ecc (curve Ed25519)(q #40#)(d #01#)))"
        #expect(!protected(clear) && plain(clear))
        #expect(plain("(11:private-key(3:ecc"))
        let imported = "Key: (protected-private-key (ecc (q #40#)\n (protected openpgp-native (openpgp-private-key (skey _ #01#)(csum \"1\")(protection\n none)))))"
        #expect(!protected(imported) && plain(imported))
        let importedWithPassphrase = "Key: (protected-private-key (ecc (q #40#)(protected openpgp-native (openpgp-private-key (skey e #01#)(protection sha1 aes #02# 3))"
        #expect(!protected(importedWithPassphrase) && !plain(importedWithPassphrase))
        #expect(!protected("") && !plain(""))
    }
}
