import JSON
import System

/// How the node is reached over Bluetooth LE: the member `bluetooth` of board.json (docs/bluetooth.md, section 9).
public struct BluetoothSettings: Sendable {
    public var isEnabled = true
    /// The adapter's name (hci0); nil: that of the lowest number.
    public var adapter: String?
    /// Milliseconds from one advertisement to the next.
    public var interval = 417
    /// dBm that the advertisement is sent with; nil: what BlueZ takes.
    public var transmitPower: Int?
    /// An adapter that is off is switched on.
    public var switchesOn = false

    init() {}

    init(_ object: JSONObject) throws(JSONError) {
        try object.allow(["enabled", "adapter", "interval", "transmitPower", "switchOn"])
        if let enabled = object["enabled"] { isEnabled = try enabled.boolean() }
        adapter = try object["adapter"]?.label()
        interval = Int(try object.integer("interval", 20...10_240, unit: "milliseconds", default: Int64(interval)))
        if object["transmitPower"] != nil { transmitPower = Int(try object.integer("transmitPower", -127...20, unit: "dBm", default: 0)) }
        switchesOn = try object.boolean("switchOn")
    }
}
