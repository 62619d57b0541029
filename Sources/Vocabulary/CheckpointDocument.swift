import Board
import JSON
import OpenPGP
import System

/// What `checkpoint-<chain>.json.pgp` says (docs/vocabulary.md, part 4): the device itself removed the batches of a
/// chain up to and including one of them.
public struct CheckpointDocument {
    public let fingerprint: Fingerprint
    public let sensorName: String
    /// The chain's label, as it is in file names.
    public let chain: [UInt8]
    /// Whose chain it is: the file goes to nobody else.
    public let audience: Audience
    /// The sequence of the last batch removed, 1 or more.
    public let removedThrough: UInt64
    /// The SHA-256 of that batch's file.
    public let removedThroughSum: SHA256Sum
    /// Nanoseconds since 1970; nil when the clock is not set.
    public let modified: Int64?

    public init(fingerprint: Fingerprint, sensorName: String, chain: [UInt8], audience: Audience, removedThrough: UInt64, removedThroughSum: SHA256Sum, modified: Int64?) {
        self.fingerprint = fingerprint
        self.sensorName = sensorName
        self.chain = chain
        self.audience = audience
        self.removedThrough = removedThrough
        self.removedThroughSum = removedThroughSum
        self.modified = modified
    }

    /// The octets to sign.
    public var octets: [UInt8] {
        var document = DocumentWriter(fingerprint: fingerprint)
        document.file("@id", fileName)
        document.type("Checkpoint")
        document.deviceItself("device")
        document.part("sensor", sensorName)
        document.text("chain", octets: chain)
        document.audience(audience)
        if let modified { document.date("dateModified", nanoseconds: modified) }
        document.number("removedThrough", Int64(removedThrough))
        document.text("removedThroughSha256", octets: removedThroughSum.hexadecimal)
        return document.finish()
    }

    /// `checkpoint-<chain>.json.pgp`.
    private var fileName: [UInt8] {
        var name = Array<UInt8>("checkpoint-")
        name.append(contentsOf: chain)
        name.append(".json.pgp")
        return name
    }
}
