import CLinux
import GnuPG
import OpenPGP
import System
import TLS

/// The account after unlocking: who we are, and nothing secret.
public struct UnlockedAccount {
    public let key: KeyDescription
    /// What the one derivation of the passphrase took, start of gpg included.
    public let derivationNanoseconds: Int64

    public var fingerprint: Fingerprint { key.fingerprint }
    /// Seconds since 1970: a clock below it is wrong for certain.
    public var creationTime: Int64 { key.creationTime }
    public var derivationMilliseconds: Int { Int(derivationNanoseconds / 1_000_000) }
}

/// The account of a Mau directory: `.mau/account.pgp`, the secret key export encrypted with a passphrase.
///
/// Everything here that touches the passphrase or the secret key happens in a forked process that ends with it, so the
/// process that goes on never held either. Call these before any thread exists.
public enum Account {
    /// Decrypts the account and puts its keys into GnuPG's working directory.
    ///
    /// With swap on a disk the keys in there get a random passphrase, returned in `keyPassphrase`; give it to `GnuPG`.
    ///
    /// - Parameter signingKey: gets the primary key, straight from the process that opened the account. One that TLS cannot use
    ///   leaves it empty.
    public static func unlock(_ mau: MauDirectory, passphrase: PassphraseSource, directory: WorkingDirectory, signingKey: SigningKey? = nil)
        throws(AccountError) -> (account: UnlockedAccount, keyPassphrase: LockedMemory?) {
        let file = try read(mau)
        let keyPassphrase = directory.isSwapped ? try randomPassphrase() : nil
        let account = try inChild { () throws(AccountError) -> Report in
            let secret = try readPassphrase(passphrase)
            let workshop = try SecretWorkshop(directory: directory.path, avoidsSwap: keyPassphrase != nil, clock: NodeClock(clock: SystemClock(), floor: 0))
            defer { workshop.close() }
            let start = maud_since_boot()
            let key = try workshop.open(account: file, passphrase: secret)
            let took = maud_since_boot() - start
            let description: KeyDescription
            do throws(AccountError) { description = try workshop.importSecretKey(key, keyPassphrase: nil) } catch {
                if case .notOneSecretKey = error { throw .damagedAccount }
                throw error
            }
            // The parent shares the memory. What is wrong with a key it tells itself: nothing secret is in that.
            if let signingKey { try? key.withBytes { (export) throws(SigningKeyError) in try signingKey.fill(fromExport: export) } }
            if let keyPassphrase {
                try workshop.protectKeys(of: description.fingerprint, with: keyPassphrase, thenCopyTo: directory.path)
            }
            return .account(UnlockedAccount(key: description, derivationNanoseconds: took))
        }.account()
        if let fingerprint = signingKey?.fingerprint, fingerprint != account.fingerprint { throw .damagedAccount }
        return (account, keyPassphrase)
    }

    /// Makes an identity (Ed25519 to sign and certify, Curve25519 to encrypt) and its account file.
    ///
    /// - Parameters:
    ///   - name: part of the user id: 1 to 200 octets of UTF-8 without control characters.
    ///   - mail: the same without blanks and angle brackets, or nil.
    ///   - clock: the time of the key: the build's when the system's clock is behind it.
    public static func create(_ mau: MauDirectory, name: String, mail: String?, passphrase: PassphraseSource, directory: WorkingDirectory,
                              clock: NodeClock) throws(AccountError) -> UnlockedAccount {
        guard isUserID(name, mail) else { throw .badUserID }
        return try make(mau, passphrase, directory, clock) { (workshop, _) throws(AccountError) in
            let fingerprint: Fingerprint
            do throws(GnuPGError) {
                fingerprint = try workshop.gnupg.wait { workshop.gnupg.makeKey(name: Array(name.utf8), mail: mail.map { Array($0.utf8) }, completion: $0) }
                guard let key = try workshop.gnupg.wait({ workshop.gnupg.listKeys(fingerprint, secret: true, completion: $0) }).first else {
                    throw .unsupported
                }
                return key
            } catch { throw .gnupg(error) }
        }
    }

    /// Makes the account file from a secret key export, or from a whole account file made elsewhere (opened with the
    /// same passphrase).
    ///
    /// - Parameter keyPassphrase: the secret key's own passphrase, when it has one; it is taken off.
    public static func importAccount(_ mau: MauDirectory, from path: String, passphrase: PassphraseSource, keyPassphrase: PassphraseSource?,
                                     directory: WorkingDirectory, clock: NodeClock) throws(AccountError) -> UnlockedAccount {
        try make(mau, passphrase, directory, clock) { (workshop, secret) throws(AccountError) in
            let inner: LockedMemory?
            if let keyPassphrase { inner = try readPassphrase(keyPassphrase) } else { inner = nil }
            let key = try readExport(path, workshop, secret)
            return try workshop.importSecretKey(key, keyPassphrase: inner)
        }
    }

    /// Encrypts the account with a new passphrase, derived as slowly as this machine allows now. The old file stays
    /// until the new one is on the disk.
    public static func changePassphrase(_ mau: MauDirectory, old: PassphraseSource, new: PassphraseSource, directory: WorkingDirectory) throws(AccountError) {
        let file = try read(mau)
        _ = try inChild { () throws(AccountError) -> Report in
            let secret = try readPassphrase(old), newSecret = try readPassphrase(new)
            // No key is imported, so nothing secret touches the working directory.
            let workshop = try SecretWorkshop(directory: directory.path, avoidsSwap: false, clock: NodeClock(clock: SystemClock(), floor: 0))
            let key = try workshop.open(account: file, passphrase: secret)
            try write(key, mau, workshop, newSecret, existing: .replace)
            return .done
        }
    }
}
