import Board
import JSON
import OpenPGP
import System

/// A value of an actuator: `value` x 10^-`decimals`.
public struct ActuatorValue: Equatable, Sendable {
    public let value: Int64
    /// 0...9
    public let decimals: Int

    public init(_ value: Int64, decimals: Int) {
        self.value = value
        self.decimals = decimals
    }
}

/// What became of a command (docs/vocabulary.md, part 5).
public final class CommandOutcome: Sendable {
    public let identifier: CommandIdentifier
    public let controller: Fingerprint
    public let kind: CommandKind
    /// The actuator's name, or the 40 digits of the key's fingerprint; empty when the command named another device.
    public let target: [UInt8]
    /// What was asked for; nil when it has more digits than any actuator takes.
    public let value: ActuatorValue?
    /// Milliseconds since 1970, as the command says.
    public let startTime: Int64
    /// Nil: carried out.
    public let error: CommandFault?
    /// Nanoseconds since 1970 when that was certain; nil while the clock was not set.
    public let endTime: Int64?
    /// Nanoseconds since boot, and which boot.
    public let sinceBoot: Int64
    public let bootID: [UInt8]

    public init(identifier: CommandIdentifier, controller: Fingerprint, kind: CommandKind = .set, target: [UInt8], value: ActuatorValue?, startTime: Int64, error: CommandFault?,
                endTime: Int64?, sinceBoot: Int64, bootID: [UInt8]) {
        self.identifier = identifier
        self.controller = controller
        self.kind = kind
        self.target = target
        self.value = value
        self.startTime = startTime
        self.error = error
        self.endTime = endTime
        self.sinceBoot = sinceBoot
        self.bootID = bootID
    }

    /// The answer to sign: a file for the controller.
    public func answer(device: Fingerprint) -> [UInt8] {
        var document = DocumentWriter(fingerprint: device)
        document.outcome(self)
        return document.finish()
    }
}

extension DocumentWriter {
    /// Clause 5.3: the members of an answer, alone or in a log.
    fileprivate mutating func outcome(_ outcome: CommandOutcome) {
        file("@id", outcome.identifier.answerName)
        if outcome.kind == .set { type("Answer") } else {
            json.key("@type")
            json.beginArray()
            json.string("Answer")
            json.string(outcome.kind.term)
            json.endArray()
        }
        deviceItself("device")
        text("identifier", octets: outcome.identifier.hexadecimal)
        text("controller", octets: Array<UInt8>("mau:") + outcome.controller.hexadecimal)
        object(outcome)
        date("startTime", nanoseconds: outcome.startTime * 1_000_000)
        text("actionStatus", outcome.error == nil ? "CompletedActionStatus" : "FailedActionStatus")
        if let error = outcome.error {
            text("error", error.term)
            text("description", error.sentence)
        } else if let value = outcome.value {
            json.key("result")
            json.beginObject()
            type("PropertyValue")
            number("value", value.value, decimals: value.decimals)
            json.endObject()
        }
        if let time = outcome.endTime { date("endTime", nanoseconds: time) }
        moment(outcome.bootID, outcome.sinceBoot, isClockSet: outcome.endTime != nil)
    }

    private mutating func object(_ outcome: CommandOutcome) {
        if outcome.target.isEmpty { return }
        json.key("object")
        json.beginObject()
        if outcome.kind == .set {
            type("PropertyValue")
            part("propertyID", outcome.target.text)
            if let value = outcome.value { number("value", value.value, decimals: value.decimals) }
        } else {
            type("PublicKey")
            text("identifier", octets: outcome.target)
        }
        json.endObject()
    }

    fileprivate mutating func moment(_ bootID: [UInt8], _ sinceBoot: Int64, isClockSet: Bool) {
        text("bootId", octets: bootID)
        text("clockState", isClockSet ? "clockSet" : "clockUnset")
        number("monotonicSeconds", sinceBoot / 1_000_000, decimals: 3)
    }
}

/// What an actuator is set to: `state-<actuator>.json.pgp` (docs/vocabulary.md, part 6).
public struct ActuatorStateDocument {
    private let document: [UInt8]

    /// - Parameters:
    ///   - value: scaled like the actuator's limits; nil when it could not be set and is not known.
    ///   - time: nanoseconds since 1970; nil while the clock is not set.
    public init(fingerprint: Fingerprint, actuator: Actuator, value: Int64?, bootID: [UInt8], sinceBoot: Int64, time: Int64?) {
        var document = DocumentWriter(fingerprint: fingerprint)
        document.file("@id", ActuatorStateDocument.fileName(actuator))
        document.type("ActuatorState")
        document.deviceItself("device")
        document.part("observationAbout", actuator.name)
        document.audience(actuator.audience)
        document.text("unitCode", actuator.unitCode)
        document.text("unitText", actuator.unitText)
        if let value { document.number("value", value, decimals: actuator.decimals) } else { document.text("fault", "sourceFailed") }
        if let time { document.date("observationDate", nanoseconds: time) }
        document.moment(bootID, sinceBoot, isClockSet: time != nil)
        self.document = document.finish()
    }

    /// The octets to sign.
    public var octets: [UInt8] { document }

    public static func fileName(_ actuator: Actuator) -> [UInt8] {
        Array<UInt8>("state-") + Array(actuator.name.utf8) + Array<UInt8>(".json.pgp")
    }
}

/// A part of the log of commands: `log-<sequence>.json.pgp` (docs/vocabulary.md, part 7).
public enum CommandLogDocument {
    /// The octets to sign.
    public static func octets(fingerprint: Fingerprint, sequence: UInt64, previous: SHA256Sum?, audience: Audience, entries: ArraySlice<CommandOutcome>) -> [UInt8] {
        var document = DocumentWriter(fingerprint: fingerprint)
        document.file("@id", fileName(sequence))
        document.type("CommandLog")
        document.deviceItself("device")
        document.number("sequence", Int64(sequence))
        if let previous { document.text("previous", octets: previous.hexadecimal) }
        document.audience(audience)
        document.json.key("entries")
        document.json.beginArray()
        for entry in entries {
            document.json.beginObject()
            document.outcome(entry)
            document.json.endObject()
        }
        document.json.endArray()
        return document.finish()
    }

    /// `log-<sequence, 12 digits>.json.pgp`.
    public static func fileName(_ sequence: UInt64) -> [UInt8] {
        var name = Array<UInt8>("log-")
        name.append(decimal: sequence, width: 12)
        name.append(".json.pgp")
        return name
    }

    /// The sequence in such a name; nil for any other name.
    public static func sequence(ofName name: some Collection<UInt8>) -> UInt64? {
        let octets = Array(name)
        guard octets.count == 4 + 12 + 9, octets.starts(with: Array<UInt8>("log-")), octets.suffix(9).elementsEqual(Array<UInt8>(".json.pgp")) else { return nil }
        var sequence: UInt64 = 0
        for digit in octets[4..<16] {
            guard digit >= 0x30, digit <= 0x39 else { return nil }
            sequence = sequence * 10 + UInt64(digit - 0x30)
        }
        return sequence > 0 ? sequence : nil
    }
}

/// What the device itself removed of the log: `log-checkpoint.json.pgp` (docs/vocabulary.md, part 7).
public enum LogCheckpointDocument {
    public static var fileName: [UInt8] { Array("log-checkpoint.json.pgp") }

    /// The octets to sign.
    /// - Parameters:
    ///   - removedThrough: the sequence of the last file removed, and its SHA-256.
    ///   - modified: nanoseconds since 1970; nil while the clock is not set.
    public static func octets(fingerprint: Fingerprint, audience: Audience, removedThrough: UInt64, removedThroughSum: SHA256Sum, modified: Int64?) -> [UInt8] {
        var document = DocumentWriter(fingerprint: fingerprint)
        document.file("@id", fileName)
        document.type("LogCheckpoint")
        document.deviceItself("device")
        document.audience(audience)
        if let modified { document.date("dateModified", nanoseconds: modified) }
        document.number("removedThrough", Int64(removedThrough))
        document.text("removedThroughSha256", octets: removedThroughSum.hexadecimal)
        return document.finish()
    }
}
