import Board
import JSON
import OpenPGP
import System

/// One reading: when it was taken, and the value or why there is none.
public struct Reading: Equatable, Sendable {
    public enum Outcome: Equatable, Sendable {
        /// The value, scaled: value x 10^decimals of its sensor.
        case value(Int64)
        case fault(Fault)
    }

    /// Nanoseconds since boot, suspended time included (CLOCK_BOOTTIME).
    public let sinceBoot: Int64
    /// Nanoseconds since 1970; not published when the clock was not set.
    public let realtime: Int64
    public let outcome: Outcome

    public init(sinceBoot: Int64, realtime: Int64, outcome: Outcome) {
        self.sinceBoot = sinceBoot
        self.realtime = realtime
        self.outcome = outcome
    }
}

/// Why a reading has no value: the individuals of the vocabulary's class Fault.
public enum Fault: UInt8, Equatable, Sendable {
    case sourceMissing, accessDenied, sourceFailed, timedOut, commandFailed, malformedValue, outOfRange

    /// The vocabulary's name.
    public var term: StaticString {
        switch self {
        case .sourceMissing: "sourceMissing"
        case .accessDenied: "accessDenied"
        case .sourceFailed: "sourceFailed"
        case .timedOut: "timedOut"
        case .commandFailed: "commandFailed"
        case .malformedValue: "malformedValue"
        case .outOfRange: "outOfRange"
        }
    }
}

/// What a batch says (docs/vocabulary.md, part 3). All readings of one are from one boot, and all were taken with the
/// clock set or all with it unset: the caller closes a batch when the clock becomes set.
public struct ReadingBatchDocument {
    public let fingerprint: Fingerprint
    public let sensor: Sensor
    /// The chain's label, as it is in file names.
    public let chain: [UInt8]
    /// 1...999,999,999,999; 1 for the first batch of the chain.
    public let sequence: UInt64
    /// The SHA-256 of the file before this one in the chain; nil exactly for the first.
    public let previous: SHA256Sum?
    /// The UUID in /proc/sys/kernel/random/boot_id: 36 octets, lower case.
    public let bootID: [UInt8]
    public let clock: NodeClock.State

    public init(fingerprint: Fingerprint, sensor: Sensor, chain: [UInt8], sequence: UInt64, previous: SHA256Sum?, bootID: [UInt8], clock: NodeClock.State) {
        self.fingerprint = fingerprint
        self.sensor = sensor
        self.chain = chain
        self.sequence = sequence
        self.previous = previous
        self.bootID = bootID
        self.clock = clock
    }

    /// The octets to sign, for 1...1000 readings in the order they were taken.
    public func octets(readings: some Sequence<Reading>) -> [UInt8] {
        var document = DocumentWriter(fingerprint: fingerprint)
        document.file("@id", fileName)
        document.type("ReadingBatch")
        document.deviceItself("device")
        document.deviceItself("observationAbout")
        document.part("sensor", sensor.name)
        document.text("chain", octets: chain)
        document.number("sequence", Int64(sequence))
        if let previous { document.text("previous", octets: previous.hexadecimal) }
        document.audience(sensor.audience)
        document.text("measuredProperty", sensor.property)
        document.text("unitCode", sensor.unitCode)
        document.text("unitText", sensor.unitText)
        if let margin = sensor.marginOfError { document.marginOfError(margin, decimals: sensor.decimals) }
        document.text("bootId", octets: bootID)
        document.text("clockState", clock == .set ? "clockSet" : "clockUnset")
        document.json.key("readings")
        document.json.beginArray()
        for reading in readings { document.reading(reading, dated: clock == .set, decimals: sensor.decimals) }
        document.json.endArray()
        return document.finish()
    }

    /// `r-<chain>-<sequence, 12 digits>.json.pgp`.
    private var fileName: [UInt8] {
        var name = Array<UInt8>("r-") + chain + [0x2D]
        name.append(decimal: sequence, width: 12)
        name.append(".json.pgp")
        return name
    }
}

extension DocumentWriter {
    fileprivate mutating func marginOfError(_ margin: Int64, decimals: Int) {
        json.key("marginOfError")
        json.beginObject()
        type("QuantitativeValue")
        number("value", margin, decimals: decimals)
        json.endObject()
    }

    /// Clause 3.7.
    fileprivate mutating func reading(_ reading: Reading, dated: Bool, decimals: Int) {
        json.beginObject()
        type("Observation")
        if dated { date("observationDate", nanoseconds: reading.realtime) }
        number("monotonicSeconds", reading.sinceBoot / 1_000_000, decimals: 3)
        switch reading.outcome {
        case .value(let value): number("value", value, decimals: decimals)
        case .fault(let fault): text("fault", fault.term)
        }
        json.endObject()
    }
}
