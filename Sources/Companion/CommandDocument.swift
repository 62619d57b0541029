import JSON
import OpenPGP
import System
import Vocabulary

/// What every command says, whatever it asks for (docs/commands.md, part 2).
struct CommandHead {
    let device: Fingerprint
    /// Its own: 128 random bits.
    let identifier: CommandIdentifier
    /// Milliseconds since 1970.
    let startTime: Int64
    /// 16 octets that the device gave out, for one whose clock is not set.
    let challenge: [UInt8]?

    init(device: Fingerprint, startTime: Int64, challenge: [UInt8]?) {
        let random = Random.octets(16)
        func word(_ octets: ArraySlice<UInt8>) -> UInt64 { octets.reduce(0) { $0 << 8 | UInt64($1) } }
        identifier = CommandIdentifier(high: word(random[..<8]), low: word(random[8...]))
        self.device = device
        self.startTime = startTime
        self.challenge = challenge
    }

    /// `c-<identifier>.json.pgp`: what begins so in a controller's directory is taken for a command.
    var fileName: String { "c-\(identifier.hexadecimal.text).json.pgp" }

    /// The text to sign; `object` writes the members of what the command is about.
    func octets(type: String, object: (inout JSONWriter) -> Void) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("@context", "https://w3id.org/maud/1")
        json.member("@type", type)
        json.member("device", "mau:\(device.description)")
        json.member("identifier", identifier.hexadecimal.text)
        json.key("object")
        json.beginObject()
        object(&json)
        json.endObject()
        json.member("startTime", Date.text(milliseconds: startTime))
        if let challenge {
            var digits: [UInt8] = []
            challenge.withUnsafeBytes { digits.append(hexadecimal: $0) }
            json.member("challenge", digits.text)
        }
        json.endObject()
        return json.bytes + [0x0A]
    }
}

/// A command to set an actuator.
package struct CommandDocument {
    let head: CommandHead
    /// The actuator's name.
    package let target: String
    package let value: Decimal

    /// - Parameters:
    ///   - startTime: milliseconds since 1970.
    ///   - challenge: 16 octets that the device gave out, for one whose clock is not set.
    package init(device: Fingerprint, target: String, value: Decimal, startTime: Int64, challenge: [UInt8]? = nil) {
        head = CommandHead(device: device, startTime: startTime, challenge: challenge)
        self.target = target
        self.value = value
    }

    package var identifier: CommandIdentifier { head.identifier }
    package var fileName: String { head.fileName }

    /// The text to sign.
    package var octets: [UInt8] {
        head.octets(type: "Command") { json in
            json.member("@type", "PropertyValue")
            json.member("propertyID", "mau:\(head.device.description)#\(target)")
            json.member("value", value)
        }
    }
}

/// An answer to a command (docs/vocabulary.md, 5.3).
package struct CommandAnswer {
    package let device: Fingerprint
    package let identifier: String
    package let controller: String?
    /// What was asked for; nil when it was for another device.
    package let target: String?
    package let value: Decimal?
    package let isCompleted: Bool
    /// What was set.
    package let result: Decimal?
    package let error: String?
    package let description: String?
    package let endTime: String?

    /// Whether the device refused a command for what a challenge proves: that it is new (docs/commands.md, part 5). It has no clock, or
    /// a clock was ahead, or its ledger is gone.
    package static func isHelpedByChallenge(_ error: String?) -> Bool { error == "clock-not-set" || error == "ledger-lost" || error == "reordered" }

    package init(_ top: JSONObject, device: Fingerprint) throws(JSONError) {
        self.device = device
        try top.demand("device", device)
        identifier = try top.requiredText("identifier")
        controller = try top.text("controller").map { String($0.dropFirst(4)) }
        let object = try top["object"]?.object()
        let actuator = try object?.text("propertyID").map { String($0.drop { $0 != "#" }.dropFirst()) }
        // About who may command: what was asked for, and the key.
        let key = try object?.text("identifier").map { "\(top.types.last ?? "") \($0.prefix(16))" }
        target = actuator ?? key
        value = try object?.decimal("value")
        isCompleted = try top.requiredText("actionStatus") == "CompletedActionStatus"
        result = try top["result"]?.object().decimal("value")
        error = try top.text("error")
        description = try top.text("description")
        endTime = try top.text("endTime")
    }

    package static func fileName(_ identifier: String) -> String { "a-\(identifier).json.pgp" }
}

/// Dates as documents write them.
package enum Date {
    /// 2026-11-21T10:35:20.123Z
    package static func text(milliseconds: Int64) -> String {
        var octets: [UInt8] = []
        octets.append(date: milliseconds * 1_000_000)
        return octets.text
    }

    package static func text(nanoseconds: Int64) -> String { text(milliseconds: nanoseconds / 1_000_000) }
}
