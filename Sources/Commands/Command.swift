import JSON
import OpenPGP
import System
import Vocabulary

/// A command, as its signed text says it: read once, and then of a form that cannot be wrong (docs/commands.md, part 2).
public struct Command: Equatable, Sendable {
    public let identifier: CommandIdentifier
    /// The one device it is for.
    public let device: Fingerprint
    public let kind: CommandKind
    /// The actuator's name, [a-z0-9][a-z0-9-]{0,31}, or the 40 digits of a key's fingerprint.
    public let target: [UInt8]
    /// The public key that travels in it: what may be one, at most `Bounds.commandKey` octets. Empty when none does.
    public let key: [UInt8]
    /// Nil when it has more digits than any actuator takes.
    public let value: ActuatorValue?
    /// Milliseconds since 1970.
    public let startTime: Int64
    public let endTime: Int64?
    public let challenge: Challenge?

    /// Why a text is no command.
    public enum Defect: Error {
        /// Not JSON, or a member that is missing, of the wrong type or malformed.
        case malformed
    }

    /// Reads the text that was signed, at most `Bounds.commandDocument` octets. Members that are not known are ignored.
    public init(_ text: [UInt8]) throws(Defect) {
        do throws(JSONError) { self = try Command.read(text) } catch { throw .malformed }
    }

    private static func read(_ text: [UInt8]) throws(JSONError) -> Command {
        let top = try JSONDocument(text, limit: Bounds.commandDocument).top.object()
        try require(top, "@context", "https://w3id.org/maud/1")
        let type = try top.required("@type")
        guard let kind = CommandKind(term: try type.string()) else { throw type.error(.invalid, "must be a command") }
        let (device, _) = try iri(top.required("device"), separator: nil)
        let object = try top.required("object").object()
        return Command(identifier: try identifier(top.required("identifier")), device: device, kind: kind,
                       target: kind == .set ? try actuator(object, of: device) : try fingerprint(object.required("identifier")),
                       value: kind == .set ? try value(object.required("value")) : nil, key: kind.carriesKey ? try key(object.required("text")) : [],
                       startTime: try date(top.required("startTime")), endTime: try top["endTime"].map { (value) throws(JSONError) in try date(value) },
                       challenge: try top["challenge"].map { (value) throws(JSONError) in try challenge(value) })
    }

    init(identifier: CommandIdentifier, device: Fingerprint, kind: CommandKind = .set, target: [UInt8], value: ActuatorValue?, key: [UInt8] = [], startTime: Int64,
         endTime: Int64? = nil, challenge: Challenge? = nil) {
        self.identifier = identifier
        self.device = device
        self.kind = kind
        self.target = target
        self.value = value
        self.key = key
        self.startTime = startTime
        self.endTime = endTime
        self.challenge = challenge
    }

    private static func actuator(_ object: JSONObject, of device: Fingerprint) throws(JSONError) -> [UInt8] {
        let property = try object.required("propertyID")
        let (owner, name) = try iri(property, separator: 0x23)
        guard owner == device, isName(name) else { throw property.error(.invalid, "must be an actuator of the device") }
        return name
    }

    private static func fingerprint(_ value: JSONValue) throws(JSONError) -> [UInt8] {
        let digits = try value.string()
        guard let fingerprint = Fingerprint(hexadecimal: digits), fingerprint.hexadecimal == digits else { throw value.error(.invalid, "must be a fingerprint in lower case") }
        return digits
    }

    private static func key(_ value: JSONValue) throws(JSONError) -> [UInt8] {
        guard let key = Base64.octets(try value.string()), !key.isEmpty, key.count <= Bounds.commandKey else { throw value.error(.invalid, "must be a key in base 64") }
        return key
    }

    private static func require(_ top: JSONObject, _ key: StaticString, _ expected: StaticString) throws(JSONError) {
        let value = try top.required(key)
        guard try value.string() == Array<UInt8>(expected) else { throw value.error(.invalid, expected) }
    }

    /// `mau:<fingerprint>`, and a name behind the separator when there is one.
    private static func iri(_ value: JSONValue, separator: UInt8?) throws(JSONError) -> (Fingerprint, [UInt8]) {
        let octets = try value.string()
        let scheme = Array<UInt8>("mau:"), end = scheme.count + Fingerprint.digits
        guard octets.starts(with: scheme), octets.count >= end, let fingerprint = Fingerprint(hexadecimal: octets[scheme.count..<end]),
              fingerprint.hexadecimal.elementsEqual(octets[scheme.count..<end]) else { throw value.error(.invalid, "must be mau: and a fingerprint") }
        guard let separator else {
            guard octets.count == end else { throw value.error(.invalid, "must be a device") }
            return (fingerprint, [])
        }
        guard octets.count > end + 1, octets[end] == separator else { throw value.error(.invalid, "must be a part of a device") }
        return (fingerprint, Array(octets[(end + 1)...]))
    }

    private static func isName(_ octets: [UInt8]) -> Bool {
        guard octets.count <= 32, let first = octets.first, first != 0x2D else { return false }
        return octets.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x7A) || $0 == 0x2D }
    }

    private static func identifier(_ value: JSONValue) throws(JSONError) -> CommandIdentifier {
        guard let identifier = CommandIdentifier(hexadecimal: try value.string()) else { throw value.error(.invalid, "must be 32 lower-case hexadecimal digits") }
        return identifier
    }

    private static func challenge(_ value: JSONValue) throws(JSONError) -> Challenge {
        guard let challenge = Challenge(hexadecimal: try value.string()) else { throw value.error(.invalid, "must be 32 lower-case hexadecimal digits") }
        return challenge
    }

    private static func date(_ value: JSONValue) throws(JSONError) -> Int64 {
        guard let time = milliseconds(ofDate: try value.string()) else { throw value.error(.invalid, "must be a date in UTC") }
        return time
    }

    /// A number of at most 9 decimals and 18 digits.
    private static func value(_ value: JSONValue) throws(JSONError) -> ActuatorValue? {
        let number = try value.decimal()
        let decimals = max(0, -number.exponent)
        guard decimals <= 9, number.exponent <= 18, let scaled = number.scaled(decimals), scaled.magnitude < 1_000_000_000_000_000_000 else { return nil }
        return ActuatorValue(scaled, decimals: decimals)
    }
}
