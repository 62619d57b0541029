import JSON
import System

/// Why there is no board.
public enum BoardError: Error {
    /// The file cannot be read.
    case unreadable(SystemError)
    /// The file says something that cannot be.
    case invalid(path: String, JSONError)

    /// One sentence: "board.json:12:17: sensors[1].period: must be at least 0.1 (seconds)".
    public var description: Message {
        switch self {
        case .unreadable(let error): error.description
        case .invalid(let path, let error): error.description(file: path)
        }
    }

    public var exitCode: ExitCode {
        switch self {
        case .unreadable(let error): error.code == ErrorNumber.messageSize ? .configuration : error.exitCode
        case .invalid: .configuration
        }
    }
}

extension Board {
    /// Reads and checks a board.json of at most `Bounds.boardFileSize` octets.
    public static func load(path: String) throws(BoardError) -> Board {
        let octets: [UInt8]
        do { octets = try Files.read(path, limit: Bounds.boardFileSize) } catch { throw .unreadable(error) }
        do { return try Board(json: octets) } catch { throw .invalid(path: path, error) }
    }

    /// Checks the text of a board.json: all that vocab/board.schema.json says, and that names are unique, limits in order
    /// and numbers without more decimals than are published. Unknown keys are refused at every level.
    public init(json octets: [UInt8]) throws(JSONError) {
        let top = try JSONDocument(octets, limit: Bounds.boardFileSize).top.object()
        try top.allow(["$schema", "name", "description", "model", "sensors", "actuators", "quota", "versions", "sync", "commandWindow", "bluetooth"])
        _ = try top["$schema"]?.text(0...255, controls: true)
        name = try top.text("name", 1...64)
        description = try top.optionalText("description", 1...500)
        model = try top.optionalText("model", 1...64)
        quota = try top.integer("quota", 1_048_576...1_099_511_627_776, unit: "bytes", default: 67_108_864)
        versionCount = Bounds.versionsPerFile
        versionOctets = Int64(Bounds.versionOctetsPerFile)
        if let versions = try top["versions"]?.object() {
            try versions.allow(["count", "bytes"])
            versionCount = Int(try versions.integer("count", 0...1000, default: Int64(versionCount)))
            versionOctets = try versions.integer("bytes", 0...1_073_741_824, unit: "bytes", default: versionOctets)
        }
        if let sync = try top["sync"]?.object() {
            try sync.allow(["bytesPerFriend", "bytes", "bytesPerSecond"])
            syncOctetsPerFriend = try sync.integer("bytesPerFriend", 0...1_099_511_627_776, unit: "bytes", default: syncOctetsPerFriend)
            syncOctets = try sync.integer("bytes", 0...1_099_511_627_776, unit: "bytes", default: syncOctets)
            syncRate = Int(try sync.integer("bytesPerSecond", 4096...1_073_741_824, unit: "bytes", default: Int64(syncRate)))
        }
        if let object = try top["bluetooth"]?.object() { bluetooth = try BluetoothSettings(object) }
        commandWindow = Int(try top.integer("commandWindow", 1...3600, unit: "seconds", default: Int64(Bounds.commandWindow)))
        sensors = []
        actuators = []
        if let list = try top["sensors"]?.array(count: 0...Bounds.sensors) {
            for index in 0..<list.count { if let value = list[index] { sensors.append(try Sensor(value)) } }
        }
        if let list = try top["actuators"]?.array(count: 0...Bounds.actuators) {
            for index in 0..<list.count { if let value = list[index] { actuators.append(try Actuator(value)) } }
        }
        try requireUniqueNames(top)
    }

    /// The complaint is at the second of two equal names.
    private func requireUniqueNames(_ top: JSONObject) throws(JSONError) {
        for second in 0..<sensors.count + actuators.count {
            for first in 0..<second where name(of: first).utf8.elementsEqual(name(of: second).utf8) {
                let isSensor = second < sensors.count
                let list = try top.required(isSensor ? "sensors" : "actuators").array()
                guard let thing = list[isSensor ? second : second - sensors.count] else { return }
                throw try thing.object().required("name").error(.invalid, "is the name of another sensor or actuator")
            }
        }
    }

    /// Sensors first, then actuators.
    private func name(of index: Int) -> String {
        index < sensors.count ? sensors[index].name : actuators[index - sensors.count].name
    }
}

extension Audience {
    /// "public", {"group": name} or {"fingerprints": [...]}.
    init(_ value: JSONValue) throws(JSONError) {
        if value.kind == .string {
            guard try value.text(0...64).hasSameOctets(as: "public") else { throw value.error(.invalid, Audience.forms) }
            self = .everyone
            return
        }
        guard value.kind == .object else { throw value.error(.wrongType, Audience.forms) }
        let object = try value.object()
        try object.allow(["group", "fingerprints"])
        switch (object["group"], object["fingerprints"]) {
        case (let group?, nil): self = .group(try group.groupName())
        case (nil, let list?): self = .fingerprints(try list.fingerprints())
        default: throw value.error(.invalid, Audience.forms)
        }
    }

    private static let forms: StaticString = "must be \"public\", {\"group\": NAME} or {\"fingerprints\": [...]}"
}

extension Retention {
    /// All keys have defaults, and so has the whole.
    init(_ value: JSONValue?) throws(JSONError) {
        self = .standard
        guard let object = try value?.object() else { return }
        try object.allow(["count", "days", "bytes"])
        count = Int(try object.integer("count", 1...9000, default: Int64(count)))
        days = Int(try object.integer("days", 1...36_500, default: Int64(days)))
        octets = try object.integer("bytes", 4096...1_099_511_627_776, unit: "bytes", default: octets)
    }
}
