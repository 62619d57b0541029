import JSON
import System

/// The keys of an object of board.json, each read with its limits and its default. Not inlined: every parser is made of
/// these, and the firmware has them once.
extension JSONObject {
    /// Text that must be there.
    @inline(never)
    func text(_ key: StaticString, _ length: ClosedRange<Int>) throws(JSONError) -> String { try required(key).text(length) }

    /// Text that may be left out: then it is empty.
    @inline(never)
    func optionalText(_ key: StaticString, _ length: ClosedRange<Int>) throws(JSONError) -> String {
        guard let value = self[key] else { return "" }
        return try value.text(length)
    }

    /// A name that the kernel gave, which must be there.
    @inline(never)
    func label(_ key: StaticString) throws(JSONError) -> String { try required(key).label() }

    /// The key `chip`: what the kernel calls a device of this kind, `<kind>` and a number; without the key number 0.
    @inline(never)
    func chip(_ kind: StaticString) throws(JSONError) -> String {
        let kind = [UInt8](kind)
        guard let value = self["chip"] else { return (kind + [0x30]).text }
        let octets = try value.string(), digits = octets.dropFirst(kind.count)
        guard octets.starts(with: kind), (1...3).contains(digits.count), digits.allSatisfy(isDigit) else {
            throw value.error(.invalid, [UInt8]("must be ") + kind + [UInt8](" and a number of 1 to 3 digits"))
        }
        return octets.text
    }

    @inline(never)
    func integer(_ key: StaticString, _ range: ClosedRange<Int64>, unit: StaticString = "", default: Int64) throws(JSONError) -> Int64 {
        guard let value = self[key] else { return `default` }
        return try value.integer(range, unit: unit)
    }

    /// A number x 10^`decimals`. The default is not scaled.
    @inline(never)
    func scaled(_ key: StaticString, _ decimals: Int, default: Int64) throws(JSONError) -> Int64 {
        guard let value = self[key] else { return Decimal(`default`).scaled(decimals) ?? `default` }
        return try value.scaled(decimals)
    }

    /// False unless it says true.
    @inline(never)
    func boolean(_ key: StaticString) throws(JSONError) -> Bool {
        guard let value = self[key] else { return false }
        return try value.boolean()
    }

    /// The index of a word; `default` when it is left out.
    @inline(never)
    func choice(_ key: StaticString, _ words: [StaticString], default: Int) throws(JSONError) -> Int {
        guard let value = self[key] else { return `default` }
        return try value.choice(words)
    }

    @inline(never)
    func audience(default: Audience) throws(JSONError) -> Audience {
        guard let value = self["audience"] else { return `default` }
        return try Audience(value)
    }
}
