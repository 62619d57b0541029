import Foundation
@testable import Board
import OpenPGP

/// What the examples in vocab/examples are made from. `#filePath` finds them in the source tree.
enum Examples {
    static let repository = #filePath.split(separator: "/").dropLast(3).reduce(into: "") { $0 += "/" + $1 }
    static let fingerprint = Fingerprint("0123456789abcdef0123456789abcdef01234567")!
    static let bootID = Array("6f2d3b7a-90c1-4e5d-8a17-2b64c0de91f3".utf8)
    static let previous = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

    /// The octets of a file below the repository.
    static func octets(_ path: String) throws -> [UInt8] { try [UInt8](Data(contentsOf: URL(fileURLWithPath: repository + "/" + path))) }

    /// A temperature sensor; the parts that the examples vary.
    static func sensor(
        _ name: String, title: String, decimals: Int, minimum: Int64, maximum: Int64, marginOfError: Int64?, audience: Audience,
        property: String = "temperature", unitCode: String = "CEL", unitText: String = "°C"
    ) -> Sensor {
        Sensor(
            name: name, title: title, property: property, unitCode: unitCode, unitText: unitText, minimum: minimum, maximum: maximum,
            marginOfError: marginOfError, decimals: decimals, source: .load(minutes: 1), isOptional: false, period: 1_000_000_000, batch: 1,
            deadBand: 0, audience: audience, retention: Retention(count: 1, days: 1, octets: 4096))
    }
}
