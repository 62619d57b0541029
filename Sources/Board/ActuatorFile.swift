import JSON
import System

extension Actuator {
    /// An element of `actuators`.
    init(_ value: JSONValue) throws(JSONError) {
        let object = try value.object()
        try object.allow([
            "name", "title", "type", "source", "unitCode", "unitText", "minimum", "maximum", "decimals", "step", "safe", "holdTime", "audience",
        ])
        name = try object.required("name").name()
        title = try object.text("title", 1...64)
        kind = try object.required("type").choice(["switch", "level"]) == 0 ? .switching : .level
        source = try ActuatorSource(object.required("source"), kind: kind)
        unitCode = try object["unitCode"]?.unitCode() ?? "C62"
        unitText = try object.optionalText("unitText", 1...16)
        decimals = Int(try object.integer("decimals", 0...9, default: 0))
        minimum = try object.scaled("minimum", decimals, default: 0)
        maximum = try object.scaled("maximum", decimals, default: 1)
        step = try object["step"]?.scaledPositive(decimals) ?? Decimal.one.scaled(decimals) ?? 1
        safe = try object["safe"]?.scaled(decimals) ?? minimum
        if object["holdTime"] != nil { holdTime = Int(try object.integer("holdTime", 1...86_400, unit: "seconds", default: 0)) }
        audience = try object.audience(default: .group("viewers"))
        if kind == .switching { try requireSwitch(object) }
        try requireOrder(object, value)
    }

    /// A switch is 0 or 1, whatever its keys say.
    private func requireSwitch(_ object: JSONObject) throws(JSONError) {
        if decimals != 0, let value = object["decimals"] { throw value.error(.invalid, "must be 0 for a switch") }
        if minimum != 0, let value = object["minimum"] { throw value.error(.invalid, "must be 0 for a switch") }
        if maximum != 1, let value = object["maximum"] { throw value.error(.invalid, "must be 1 for a switch") }
        if step != 1, let value = object["step"] { throw value.error(.invalid, "must be 1 for a switch") }
        if !unitCode.hasSameOctets(as: "C62"), let value = object["unitCode"] { throw value.error(.invalid, "must be C62 (one) for a switch") }
    }

    private func requireOrder(_ object: JSONObject, _ value: JSONValue) throws(JSONError) {
        if maximum <= minimum { throw (object["maximum"] ?? object["minimum"] ?? value).error(.outOfRange, "must leave maximum greater than minimum") }
        if safe < minimum || safe > maximum { throw (object["safe"] ?? value).error(.outOfRange, "must be from minimum to maximum") }
        if (safe - minimum) % step != 0 { throw (object["safe"] ?? value).error(.invalid, "must be the minimum plus a multiple of step") }
    }
}

