import CGPGME
import OpenPGP
import System

/// Why an OpenPGP operation did not give a result.
public enum GnuPGError: Error {
    /// There is no program `gpg` in PATH, or no gpg-agent where gpg looks for it.
    case programMissing
    /// The passphrase does not open this.
    case wrongPassphrase
    /// The input is not OpenPGP, is cut short, or was changed.
    case damaged
    /// The message is encrypted, but not to a key that we hold.
    case notForUs
    /// The message is armored text; the convention's files are binary.
    case armored
    /// The message carries no signature.
    case notSigned
    /// The signature does not fit the content.
    case badSignature
    /// The message carries more than one signature, so it has no one author.
    case severalSignatures
    /// The signature is by a key that is in no keyring of ours.
    case unknownSigner
    /// The signer's key has expired.
    case signerExpired
    /// The signer's key was revoked.
    case signerRevoked
    /// The signature rests on a digest that can be forged (MD5, SHA-1, RIPEMD-160).
    case weakDigest
    /// gpg cannot encrypt to this recipient: the key is missing, expired, revoked, or has no encryption subkey.
    case unusableRecipient
    /// The account's key cannot sign: it has expired, was revoked, or has no signing key.
    case unusableSigningKey
    /// The content has more octets than the caller allows.
    case tooLarge
    /// The message is text inside compression, whose exact octets gpg does not give.
    case inexactText
    /// `Bounds.openPGPOperations` operations wait already.
    case busy
    /// gpg did not finish within the operation's time.
    case timedOut
    /// The program uses something that this gpg does not know.
    case unsupported
    /// No file system in memory can be used for GnuPG's working directory: the places that were tried.
    case noMemoryFileSystem(tried: String)
    /// The directory given with `--runtime` does not lie in memory.
    case runtimeNotInMemory(String)
    /// There is swap on a disk, and no way to protect the keys from it.
    case swapNotSafe(SystemError)
    /// The operating system failed.
    case system(SystemError)
    /// Anything else that gpg reports: its error code (gpg-error).
    case engine(code: UInt32)

    /// One clause for a person.
    public var description: Message {
        switch self {
        case .programMissing: "gpg or gpg-agent is missing: install both (Debian: apt install gpg gpg-agent) or put gpg in PATH"
        case .wrongPassphrase: "the passphrase is wrong"
        case .damaged: "the OpenPGP data is damaged"
        case .notForUs: "it is not encrypted to this account"
        case .armored: "it is armored text, but must be binary OpenPGP"
        case .notSigned: "it is not signed"
        case .badSignature: "the signature is bad"
        case .severalSignatures: "it has several signatures, so its author is not clear"
        case .unknownSigner: "it is signed by an unknown key"
        case .signerExpired: "the signer's key has expired"
        case .signerRevoked: "the signer's key was revoked"
        case .weakDigest: "the signature uses a digest that can be forged"
        case .unusableRecipient: "a recipient's key cannot be encrypted to (missing, expired, revoked or without encryption subkey)"
        case .unusableSigningKey: "the account's key cannot sign (expired, revoked or not a signing key)"
        case .tooLarge: "it is too large"
        case .inexactText: "it is compressed text, which gpg does not give back exactly; ask its author to send it as binary"
        case .busy: "too many OpenPGP operations wait for gpg"
        case .timedOut: "gpg did not finish in time"
        case .unsupported: "this version of gpg does not support it"
        case .noMemoryFileSystem(let tried):
            "no writable directory in memory for GnuPG (tried \(tried)); give one on a tmpfs with --runtime"
        case .runtimeNotInMemory(let path): "\(path) does not lie in memory (tmpfs or ramfs), and secret keys must not touch a disk; give another --runtime"
        case .swapNotSafe(let error):
            "there is swap on a disk and the keys cannot be kept out of it (\(error.description)); switch swap off, use zram, or set MemorySwapMax=0 for the service"
        case .system(let error): error.description
        case .engine(let code): "gpg: \(Message(cString: gpgme_strerror(code)))"
        }
    }

    /// The exit code of a command that ends with this error.
    public var exitCode: ExitCode {
        switch self {
        case .wrongPassphrase, .notForUs: .noPermission
        case .programMissing, .noMemoryFileSystem, .runtimeNotInMemory, .swapNotSafe, .unsupported: .unavailable
        case .busy, .timedOut: .temporary
        case .system(let error): error.exitCode
        case .engine: .software
        default: .dataError
        }
    }
}
