import Content
import System

/// What a chain is called in file names: the sensor's name, followed by `.` and a tag when the sensor had another
/// audience before (so that nobody learns from names and numbers of readings that are not theirs).
public struct ChainLabel: Equatable, Sendable {
    /// [a-z0-9-] of the sensor's name, then perhaps `.` and 8 hexadecimal digits.
    public let octets: [UInt8]

    /// The label of a sensor's first audience.
    public init(sensor: String) { octets = Array(sensor.utf8) }

    /// The label of a sensor whose plain label belongs to another audience.
    /// - Parameter audience: the canonical text of the audience; the tag is the start of its SHA-256.
    public init(sensor: String, audience: [UInt8]) {
        octets = Array(sensor.utf8) + [0x2E] + SHA256Sum(of: audience).hexadecimal.prefix(8)
    }

    init(octets: ArraySlice<UInt8>) { self.octets = Array(octets) }
}

/// The name of a batch: `r-<chain>-<sequence, 12 digits>.json.pgp`.
public struct BatchName: Equatable, Sendable {
    public let label: ChainLabel
    /// 1 for the first batch of a chain.
    public let sequence: UInt64

    static let digits = 12

    public init(label: ChainLabel, sequence: UInt64) {
        self.label = label
        self.sequence = sequence
    }

    /// Parses a file name; nil when it is not a batch's.
    public init?(_ name: some Collection<UInt8>) {
        let octets = Array(name)
        let suffix = Array<UInt8>(".json.pgp")
        guard octets.count > 2 + 1 + BatchName.digits + suffix.count, octets[0] == 0x72, octets[1] == 0x2D,
              octets.suffix(suffix.count).elementsEqual(suffix) else { return nil }
        let dash = octets.count - suffix.count - BatchName.digits - 1
        guard octets[dash] == 0x2D, dash > 2 else { return nil }
        var sequence: UInt64 = 0
        for digit in octets[(dash + 1)..<(octets.count - suffix.count)] {
            guard digit >= 0x30, digit <= 0x39 else { return nil }
            sequence = sequence * 10 + UInt64(digit - 0x30)
        }
        guard sequence > 0 else { return nil }
        self.init(label: ChainLabel(octets: octets[2..<dash]), sequence: sequence)
    }

    /// The octets of the file name.
    public var octets: [UInt8] {
        var out = Array<UInt8>("r-")
        out.append(contentsOf: label.octets)
        out.append(0x2D)
        out.append(decimal: sequence, width: BatchName.digits)
        out.append(".json.pgp")
        return out
    }
}

extension ChainLabel {
    /// The octets of the name of the chain's checkpoint: `checkpoint-<chain>.json.pgp`.
    public var checkpointName: [UInt8] {
        var out = Array<UInt8>("checkpoint-")
        out.append(contentsOf: octets)
        out.append(".json.pgp")
        return out
    }
}
