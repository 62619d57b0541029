import GnuPG
import Peer
import System

/// Why a friend's file is not taken, and will not be until the friend has changed it.
enum Refusal {
    /// The entry of the listing is none.
    case entry(ListedFile.Defect)
    /// It is another user's: only those of the friend are taken from the friend.
    case otherUser
    /// It changes a file whose name leaves no room for `.versions`, where that would be kept.
    case nameTooLong
    /// More than `Bounds.fileSize` octets.
    case tooLarge
    /// The file is longer or shorter than the listing says.
    case size
    /// The file has another SHA-256 than the listing says.
    case sum
    /// Someone else has signed it.
    case otherSigner
    /// It becomes more than `Bounds.inflation` times its size, or more than `Bounds.fileSize` octets.
    case bomb
    /// It is not encrypted to this account: nobody here can tell who signed it.
    case notForUs
    /// Nobody has signed it so that it can be believed, or it is no message at all.
    case signature(GnuPGError)

    /// What a failed verification means for the file; nil when it says nothing about the file.
    init?(_ error: GnuPGError) {
        switch error {
        case .busy, .system, .engine, .programMissing, .timedOut, .noMemoryFileSystem, .runtimeNotInMemory, .swapNotSafe, .wrongPassphrase: return nil
        case .tooLarge: self = .bomb
        case .notForUs: self = .notForUs
        default: self = .signature(error)
        }
    }

    /// Where it is counted: an index of `SyncCounters.refused`.
    enum Kind: Int, CaseIterable { case paths, sizes, sums, signatures, bombs, notForUs }

    var kind: Kind {
        switch self {
        case .entry, .otherUser, .nameTooLong: .paths
        case .tooLarge, .size: .sizes
        case .sum: .sums
        case .otherSigner, .signature: .signatures
        case .bomb: .bombs
        case .notForUs: .notForUs
        }
    }

    /// One clause for a person.
    var description: Message {
        switch self {
        case .entry(let defect): "\(defect.description)"
        case .otherUser: "it is another user's"
        case .nameTooLong: "it changes a file whose name is too long for its versions"
        case .tooLarge: "it is larger than any file may be"
        case .size: "its size is not the one that was listed"
        case .sum: "its SHA-256 is not the one that was listed"
        case .otherSigner: "it is signed by someone else"
        case .bomb: "it becomes much larger when it is opened"
        case .notForUs: "it is not encrypted to this account, so its signature cannot be verified"
        case .signature(let error): error.description
        }
    }
}

/// Why a visit to a friend did not bring everything; it is repeated.
public enum PassFailure {
    case noAddress
    case peer(PeerError)
    case listing(ListingParser.Defect)
    /// The next page is none of this listing, or there are too many.
    case pages
    /// More files than are remembered were refused.
    case tooManyRefusals
    /// Files that the listing names were not had, for reasons that may pass.
    case incomplete(Message)
    case tooLong
    case stopped

    /// Whoever answered has proven another key than the friend's.
    public var isOtherPeer: Bool {
        if case .peer(let error) = self { error.isOtherPeer } else { false }
    }

    /// One clause for a person.
    public var description: Message {
        switch self {
        case .noAddress: "no address is known"
        case .peer(let error): error.description
        case .listing(let defect): "\(defect.description)"
        case .pages: "the pages of the listing do not end"
        case .tooManyRefusals: "too many of its files were refused"
        case .incomplete(let reason): reason
        case .tooLong: "the visit took too long; it goes on later"
        case .stopped: "the syncer was stopped, or the friend is not followed any more"
        }
    }
}
