import GnuPG
import OpenPGP
import System

/// Why something with the account or its friends did not work.
public enum AccountError: Error {
    /// There is no `.mau/account.pgp`.
    case noAccount(path: String)
    /// There is one already, and it must not be overwritten.
    case accountExists(path: String)
    /// Everything was being removed, and not all is.
    case resetInterrupted
    /// The passphrase does not open the account (or the first octets of the file are damaged: OpenPGP cannot tell).
    case wrongPassphrase
    /// The account file is not what it should be.
    case damagedAccount
    /// The secret key inside has a passphrase of its own.
    case keyHasPassphrase
    /// The passphrase of the secret key inside is wrong.
    case wrongKeyPassphrase
    /// The file to import holds no secret key, or more than one.
    case notOneSecretKey
    /// A name or mail address that cannot be part of a user id.
    case badUserID
    /// The passphrase cannot be had or used.
    case passphrase(PassphraseError)
    /// The key file does not hold exactly one public key of version 4.
    case notOneKey
    /// The key file holds a secret key.
    case secretKey
    /// The key is the account's own.
    case ownKey
    /// The key carries an encryption subkey of the account or of another friend, and would get that one's files.
    case sharedSubkey(Fingerprint)
    /// No friend has this fingerprint (in this group).
    case noSuchFriend(Fingerprint)
    /// There is no directory of this fingerprint, so nothing to unfollow.
    case notFollowed(Fingerprint)
    /// `<fpr>` and `.<fpr>` are both there.
    case bothDirectories(Fingerprint)
    /// More friends or groups than `Bounds` allows.
    case tooMany
    /// An OpenPGP operation failed.
    case gnupg(GnuPGError)
    /// The operating system failed.
    case system(SystemError)
    /// What a child process reported.
    case reported(message: Message, exitCode: ExitCode)

    /// One sentence for a person, without a full stop.
    public var description: Message {
        switch self {
        case .noAccount(let path): "there is no account at \(path); maud init makes one"
        case .accountExists(let path): "there is an account at \(path) already; it is not overwritten"
        case .resetInterrupted: "a reset was interrupted; maud reset finishes it"
        case .wrongPassphrase: "the passphrase does not open the account"
        case .damagedAccount: "the account file is damaged; restore it from a copy"
        case .keyHasPassphrase:
            "the secret key in the account has a passphrase of its own; import the file with maud init --import FILE --import-passphrase-file FILE"
        case .wrongKeyPassphrase: "the passphrase of the secret key in the file to import is wrong"
        case .notOneSecretKey: "the file to import does not hold exactly one OpenPGP secret key (version 4)"
        case .badUserID: "the name must have 1 to 200 octets of UTF-8 without control characters, a mail address neither blanks nor angle brackets"
        case .passphrase(let error): error.description
        case .notOneKey: "the file does not hold exactly one OpenPGP public key (version 4)"
        case .secretKey: "the file holds a SECRET key, which nobody but its owner should have: ask for the public key, and tell its owner"
        case .ownKey: "the key is this account's own"
        case .sharedSubkey(let fingerprint): "the key carries a subkey of \(fingerprint.hexadecimal), and would get that one's files"
        case .noSuchFriend(let fingerprint): "\(fingerprint.hexadecimal) is not a friend there"
        case .notFollowed(let fingerprint): "\(fingerprint.hexadecimal) is not followed"
        case .bothDirectories(let fingerprint):
            "\(fingerprint.hexadecimal) and .\(fingerprint.hexadecimal) both exist in the Mau directory; merge them by hand"
        case .tooMany: "there are too many friends (\(Bounds.friends)) or groups (\(Bounds.groups))"
        case .gnupg(let error): error.description
        case .system(let error): error.description
        case .reported(let message, _): message
        }
    }

    /// The exit code of a command that ends with this error.
    public var exitCode: ExitCode {
        switch self {
        case .noAccount: .noInput
        case .accountExists, .resetInterrupted: .cannotCreate
        case .wrongPassphrase, .wrongKeyPassphrase: .noPermission
        case .badUserID: .usage
        case .passphrase(let error): error.exitCode
        case .gnupg(let error): error.exitCode
        case .system(let error): error.exitCode
        case .reported(_, let code): code
        default: .dataError
        }
    }
}
