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

    init(_ octets: UnsafeRawBufferPointer) { self.octets = Array(octets) }

    /// The name of the sensor.
    var sensor: ArraySlice<UInt8> { octets.prefix { $0 != 0x2E } }

    /// Whether octets are such a label: what is named otherwise is no chain of ours.
    static func isLabel(_ octets: UnsafeRawBufferPointer) -> Bool {
        var dot: Int?
        for (index, octet) in octets.enumerated() {
            switch octet {
            case 0x30...0x39, 0x61...0x66: break
            case 0x2D, 0x67...0x7A: if dot != nil { return false }
            case 0x2E: if dot != nil { return false } else { dot = index }
            default: return false
            }
        }
        guard let dot else { return octets.count > 0 }
        return dot > 0 && octets.count == dot + 9
    }
}

/// The name of a batch: `r-<chain>-<sequence, 12 digits>.json.pgp`.
public struct BatchName: Equatable, Sendable {
    public let label: ChainLabel
    /// 1 for the first batch of a chain.
    public let sequence: UInt64

    static let digits = 12
    private static let suffix: StaticString = ".json.pgp"

    public init(label: ChainLabel, sequence: UInt64) {
        self.label = label
        self.sequence = sequence
    }

    /// Parses a file name; nil when it is not a batch's.
    public init?(_ name: some Collection<UInt8>) {
        let found = Array(name).withUnsafeBytes { octets in BatchName.parts(octets).map { BatchName(label: ChainLabel($0.label), sequence: $0.sequence) } }
        guard let found else { return nil }
        self = found
    }

    /// The same without a copy; the label is a part of `name`.
    static func parts(_ name: UnsafeRawBufferPointer) -> (label: UnsafeRawBufferPointer, sequence: UInt64)? {
        let end = name.count - suffix.utf8CodeUnitCount, dash = end - digits - 1
        guard dash > 2, name[0] == 0x72, name[1] == 0x2D, name[dash] == 0x2D else { return nil }
        for index in end..<name.count where name[index] != suffix.utf8Start[index - end] { return nil }
        var sequence: UInt64 = 0
        for index in (dash + 1)..<end {
            guard name[index] >= 0x30, name[index] <= 0x39 else { return nil }
            sequence = sequence * 10 + UInt64(name[index] - 0x30)
        }
        let label = UnsafeRawBufferPointer(rebasing: name[2..<dash])
        guard sequence > 0, ChainLabel.isLabel(label) else { return nil }
        return (label, sequence)
    }

    /// The octets of the file name.
    public var octets: [UInt8] {
        var out = Array<UInt8>("r-")
        out.append(contentsOf: label.octets)
        out.append(0x2D)
        out.append(decimal: sequence, width: BatchName.digits)
        out.append(BatchName.suffix)
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
