import Board
import OpenPGP
import Readings
import System
import Vocabulary

/// A command file whose signature is good.
public struct OpenedCommand {
    public let content: [UInt8]
    public let signer: Fingerprint
    /// Milliseconds since 1970, whole seconds.
    public let signatureTime: Int64

    public init(content: [UInt8], signer: Fingerprint, signatureTime: Int64) {
        self.content = content
        self.signer = signer
        self.signatureTime = signatureTime
    }
}

/// Why a command file was not opened.
public enum OpeningFailure: Error {
    /// It is not encrypted to the device, not signed by a friend, or damaged.
    case refused
    /// gpg was still at work after `Bounds.commandOpeningSeconds`: it is made for that.
    case endless
    /// gpg has too much to do, or failed: try again.
    case busy
}

/// A file of the node's own directory.
public struct OwnFile {
    public let sum: SHA256Sum
    /// Nanoseconds since 1970.
    public let modificationTime: Int64

    public init(sum: SHA256Sum, modificationTime: Int64) {
        self.sum = sum
        self.modificationTime = modificationTime
    }
}

/// What a command wants of who may command, or of a friend's key.
public struct ControllerRequest {
    /// Anything but `set`.
    public let kind: CommandKind
    /// Of the key that it is about.
    public let fingerprint: Fingerprint
    /// The public key, as it came; empty when there is none in it.
    public let key: [UInt8]
}

/// Why a request was not prepared.
public enum PreparationFailure: Error {
    case refused(CommandFault)
    /// gpg has too much to do, or failed: try again.
    case busy
}

/// What commands need of the layers below. The node implements it with GnuPG, the friends and the content store; tests with memory.
public protocol CommandBackend: AnyObject {
    /// The node's time for documents (see `NodeClock`).
    var clock: NodeClock { get }
    /// Key ids of the device's encryption keys.
    var ownKeyIDs: [KeyID] { get }
    /// Key ids of a friend's encryption keys; nil for who is no friend.
    func keyIDs(ofFriend fingerprint: Fingerprint) -> [KeyID]?
    /// Whether a friend may command now.
    func isController(_ fingerprint: Fingerprint) -> Bool
    /// Decrypts and verifies a command file. The completion runs once.
    func open(_ message: [UInt8], completion: @escaping (Result<OpenedCommand, OpeningFailure>) -> Void)
    /// A file of the node's own directory; nil when there is none of that name.
    func file(_ name: [UInt8]) -> OwnFile?
    /// Whether a file of the node's own directory is encrypted to a friend.
    func isFile(_ name: [UInt8], for friend: Fingerprint) -> Bool
    /// Calls `body` with the files of the node's own directory whose names begin so, in the order of their names octet by octet, until
    /// it returns false.
    func forEachFile(_ prefix: [UInt8], _ body: (_ name: [UInt8], OwnFile) -> Bool)
    /// Signs a document for an audience. The completion runs once, later.
    func sign(_ document: [UInt8], for audience: Audience, completion: @escaping (Result<[UInt8], PublishingFailure>) -> Void)
    /// Signs an answer, for whoever sent the command, also when they are no friend any more because of it. The completion runs once, later.
    func signAnswer(_ document: [UInt8], to controller: Fingerprint, completion: @escaping (Result<[UInt8], PublishingFailure>) -> Void)
    /// Looks at what a request is about; the completion gets whether there is anything to change. One request at a time.
    func prepare(_ request: ControllerRequest, completion: @escaping (Result<Bool, PreparationFailure>) -> Void)
    /// Carries out the request that was prepared last, on the disk; `done` gets whether all of it is there. After a power cut either all of it
    /// or nothing is.
    func carryOut(done: @escaping (Bool) -> Void)
    /// Puts a file into the node's own directory, durably; with `replacing` an older one goes to its versions, otherwise it is an error
    /// when it exists. The completion gets its SHA-256.
    func store(_ name: [UInt8], _ message: [UInt8], replacing: Bool, completion: @escaping (Result<SHA256Sum, PublishingFailure>) -> Void)
    /// Removes files of the node's own directory.
    func remove(_ names: [[UInt8]], done: @escaping (Bool) -> Void)
    /// The octets of a file of the node's own directory, a small one; nil when it is not there.
    func message(_ name: [UInt8]) -> [UInt8]?
    /// Whether there is a file of that name in the directory of a friend, followed or not.
    func hasFile(_ name: [UInt8], of friend: Fingerprint) -> Bool
    /// Puts a file that is not there yet into the directory of a friend: the one that is followed, else the one that is not. `done` gets
    /// whether it is there, durably.
    func storeFile(_ name: [UInt8], _ message: [UInt8], of friend: Fingerprint, done: @escaping (Bool) -> Void)
}

/// What sets actuators.
public protocol ActuatorControl: AnyObject {
    /// Sets an actuator of the board to a value within its limits. `done` is called once, with false when it failed; then the actuator goes
    /// to its safe state.
    func set(_ actuator: Int, to value: Int64, done: @escaping (Bool) -> Void)
}
