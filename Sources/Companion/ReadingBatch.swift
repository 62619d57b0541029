import JSON
import OpenPGP
import Readings
import System
import Vocabulary

/// One reading: a value, or why there is none.
package struct Reading: Equatable {
    /// As the device wrote it; nil while its clock was not set.
    package let date: String?
    /// Seconds since the device's boot.
    package let monotonicSeconds: Decimal
    package let value: Decimal?
    package let fault: String?

    package init(date: String?, monotonicSeconds: Decimal, value: Decimal?, fault: String? = nil) {
        self.date = date
        self.monotonicSeconds = monotonicSeconds
        self.value = value
        self.fault = fault
    }

    /// Milliseconds since 1970.
    package var time: Int64? { date.flatMap { milliseconds(ofDate: Array($0.utf8)) } }
}

/// A batch of readings (docs/vocabulary.md, part 3).
package struct ReadingBatch {
    package let device: Fingerprint
    package let fileName: String
    package let sensor: String
    package let chain: String
    package let sequence: UInt64
    package let previous: SHA256Sum?
    package let property: String
    package let unitCode: String?
    package let unitText: String?
    package let marginOfError: Decimal?
    package let bootID: String
    package let isPublic: Bool
    package let readings: [Reading]

    package init(_ top: JSONObject, file: VerifiedFile) throws(JSONError) {
        device = file.owner
        fileName = file.name
        try top.demand("@id", file.owner, file: file.name)
        try top.demand("device", file.owner)
        sensor = try top.part("sensor", of: file.owner)
        chain = try top.requiredText("chain")
        sequence = try top.sequence("sequence")
        previous = try top.sum("previous")
        property = try top.requiredText("measuredProperty")
        unitCode = try top.text("unitCode")
        unitText = try top.text("unitText")
        marginOfError = try top["marginOfError"]?.object().decimal("value")
        bootID = try top.requiredText("bootId")
        isPublic = try top["audience"]?.object().text("audienceType") == "public"
        var readings: [Reading] = []
        for one in try top.objects("readings") {
            readings.append(Reading(date: try one.text("observationDate"), monotonicSeconds: try one.required("monotonicSeconds").decimal(),
                                    value: try one.decimal("value"), fault: try one.text("fault")))
        }
        self.readings = readings
    }

    /// A value as people read it: `21.5 °C`, or the fault.
    package func words(_ reading: Reading) -> String {
        guard let value = reading.value else { return reading.fault ?? "no value" }
        return [value.text, unitText].compactMap { $0 }.joined(separator: " ")
    }
}

/// The batches of a device by their names.
package struct BatchNames {
    /// Chains with their sequences, ascending.
    package let chains: [(chain: String, sequences: [UInt64])]

    package init(_ names: [String]) {
        var chains: [String: [UInt64]] = [:]
        for name in names { if let batch = BatchName(Array(name.utf8)) { chains[batch.label.octets.text, default: []].append(batch.sequence) } }
        self.chains = chains.sorted { $0.key < $1.key }.map { ($0.key, $0.value.sorted()) }
    }

    /// The sensor that a chain is of: the label up to its dot (docs/vocabulary.md, 1.6).
    static func sensor(ofChain chain: String) -> String { String(chain.prefix { $0 != "." }) }

    static func fileName(_ chain: String, _ sequence: UInt64) -> String {
        let digits = String(sequence)
        return "r-\(chain)-\(String(repeating: "0", count: max(0, 12 - digits.count)))\(digits).json.pgp"
    }

    /// The newest batches of a sensor, one for each chain that it has.
    func newest(ofSensor sensor: String) -> [String] {
        chains.filter { BatchNames.sensor(ofChain: $0.chain) == sensor }.compactMap { one in one.sequences.last.map { BatchNames.fileName(one.chain, $0) } }
    }
}
