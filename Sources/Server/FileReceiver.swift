import HTTP
import OpenPGP

/// Takes files that come by PUT, and gives out challenges: the server knows nothing of what is in them.
public protocol FileReceiver: AnyObject {
    /// 16 octets for who wants to prove that a file was made now.
    func challenge() -> [UInt8]?
    /// Whether a PUT may come, asked when its head is there.
    ///
    /// - Parameter peer: the key that the peer has proven to hold, if any.
    func admit(peer: Fingerprint?) -> UploadAdmission
    /// Takes a file. `done` is called once, now or later.
    ///
    /// - Parameters:
    ///   - directory: whose directory it is for, as the path says; nothing of it is proven.
    ///   - name: a checked file name.
    ///   - place: what `admit` gave; to be held until it is judged.
    func receive(_ file: [UInt8], for directory: Fingerprint, name: [UInt8], place: AnyObject, done: @escaping (UploadResult) -> Void)
    /// Judges an attempt to claim the node.
    ///
    /// - Parameters:
    ///   - attempt: what stands in the path.
    ///   - peer: the key that the peer has proven to hold, if any.
    func judge(claim attempt: [UInt8], by peer: Fingerprint?) -> ClaimAnswer
    /// Takes the key of a claimer whose attempt was right. `done` is called once, now or later.
    func receive(key: [UInt8], of claimer: Fingerprint, done: @escaping (UploadResult) -> Void)
}

/// What an attempt to claim the node gets.
public enum ClaimAnswer {
    case no(Status)
    /// It was right: what proves the same to the claimer.
    case proof([UInt8])
}

/// What `FileReceiver.admit` says.
public enum UploadAdmission {
    /// The PUT has this place until nobody holds it any more.
    case place(AnyObject)
    /// 503, or 429 with the seconds after which to try again.
    case busy
    case later(Int)
}

/// How a PUT is answered.
public struct UploadResult {
    public let status: Status
    /// For 429 and 503, in seconds.
    public let retryAfter: Int
    /// What a client that prefers a representation gets as content.
    public let representation: [UInt8]?

    public init(_ status: Status, retryAfter: Int = 1, representation: [UInt8]? = nil) {
        self.status = status
        self.retryAfter = retryAfter
        self.representation = representation
    }
}
