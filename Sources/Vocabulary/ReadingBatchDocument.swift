import Board
import JSON
import OpenPGP
import System

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
        for reading in readings { document.reading(reading, decimals: sensor.decimals) }
        document.json.endArray()
        return document.finish()
    }

    /// `r-<chain>-<sequence, 12 digits>.json.pgp`.
    private var fileName: [UInt8] {
        var name = Array<UInt8>("r-")
        name.append(contentsOf: chain)
        name.append(0x2D)
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
    fileprivate mutating func reading(_ reading: Reading, decimals: Int) {
        json.beginObject()
        type("Observation")
        if let time = reading.time { date("observationDate", nanoseconds: time) }
        number("monotonicSeconds", reading.sinceBoot / 1_000_000, decimals: 3)
        switch reading.result {
        case .success(let value): number("value", value, decimals: decimals)
        case .failure(let fault): text("fault", fault.term)
        }
        json.endObject()
    }
}
