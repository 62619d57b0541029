import CJansson
import CLinux
import System

/// A value in a document: what it is, and where, so that every complaint says the place.
public struct JSONValue {
    public enum Kind: Sendable { case object, array, string, integer, real, boolean, null }

    let document: JSONDocument
    let value: UnsafeMutablePointer<json_t>
    public let path: JSONPath

    /// What it is. `integer` is a number without fraction and exponent that fits 64 bits.
    public var kind: Kind {
        switch value.pointee.type {
        case JSON_OBJECT: .object
        case JSON_ARRAY: .array
        case JSON_STRING: .string
        case JSON_INTEGER: .integer
        case JSON_REAL: .real
        case JSON_TRUE, JSON_FALSE: .boolean
        default: .null
        }
    }

    /// A complaint about this value: a clause that goes on from its name.
    @inline(never)
    public func error(_ reason: JSONError.Reason, _ clause: [UInt8]) -> JSONError {
        JSONError(reason, document.position(of: path, key: false), path: path.description, clause: clause)
    }

    /// A complaint about this value.
    @inline(never)
    public func error(_ reason: JSONError.Reason, _ clause: StaticString) -> JSONError { error(reason, [UInt8](clause)) }

    // MARK: Typed access: each throws `wrongType` with what is expected

    /// The members, when it is an object.
    @inline(never)
    public func object() throws(JSONError) -> JSONObject {
        guard kind == .object else { throw error(.wrongType, "must be an object") }
        return JSONObject(value: self)
    }

    /// The elements, when it is an array with so many of them.
    public func array(count: ClosedRange<Int> = 0...Int.max) throws(JSONError) -> JSONArray {
        guard kind == .array else { throw error(.wrongType, "must be an array") }
        let elements = JSONArray(value: self)
        if elements.count < count.lowerBound { throw error(.outOfRange, clause("must have at least ", count.lowerBound, " elements")) }
        if elements.count > count.upperBound { throw error(.outOfRange, clause("must have at most ", count.upperBound, " elements")) }
        return elements
    }

    /// The UTF-8 octets, when it is a string; never with a NUL in it.
    @inline(never)
    public func string() throws(JSONError) -> [UInt8] {
        guard let text = json_string_value(value) else { throw error(.wrongType, "must be a string") }
        return Array(UnsafeRawBufferPointer(start: text, count: json_string_length(value)))
    }

    /// True or false.
    public func boolean() throws(JSONError) -> Bool {
        guard kind == .boolean else { throw error(.wrongType, "must be true or false") }
        return value.pointee.type == JSON_TRUE
    }

    /// The number, exactly as written when it has at most 15 significant digits (what a double holds).
    @inline(never)
    public func decimal() throws(JSONError) -> Decimal {
        switch kind {
        case .integer: return Decimal(json_integer_value(value))
        case .real:
            let number = withUnsafeTemporaryAllocation(byteCount: 32, alignment: 1) { (buffer) -> Decimal? in
                let count = maud_format_double(json_real_value(value), buffer.baseAddress, buffer.count)
                return Decimal(parsing: UnsafeRawBufferPointer(rebasing: buffer[..<Int(count)]))
            }
            guard let number else { throw error(.wrongType, "must be a number") }
            return number
        default: throw error(.wrongType, "must be a number")
        }
    }

    /// A number within limits; `unit` is what the complaint says of them ("seconds").
    public func decimal(_ minimum: Decimal, _ maximum: Decimal, unit: StaticString = "") throws(JSONError) -> Decimal {
        let number = try decimal()
        if number < minimum { throw error(.outOfRange, limit("must be at least ", minimum, unit)) }
        if maximum < number { throw error(.outOfRange, limit("must be at most ", maximum, unit)) }
        return number
    }

    /// An integer within limits. 6.0 and 6e0 are the integer 6, as in JSON Schema.
    public func integer(_ range: ClosedRange<Int64>, unit: StaticString = "") throws(JSONError) -> Int64 {
        guard kind == .integer || kind == .real else { throw error(.wrongType, "must be an integer") }
        guard try decimal().isInteger else { throw error(.wrongType, "must be an integer") }
        let number = try decimal(Decimal(range.lowerBound), Decimal(range.upperBound), unit: unit)
        if kind == .integer { return json_integer_value(value) }
        return number.scaled(0) ?? range.lowerBound
    }

    private func limit(_ text: StaticString, _ number: Decimal, _ unit: StaticString) -> [UInt8] {
        var clause = [UInt8](text)
        if let integer = number.scaled(0), number.isInteger {
            clause.append(decimal: integer)
        } else {
            clause.append(decimal: number.coefficient, decimals: -number.exponent)
        }
        if unit.utf8CodeUnitCount > 0 {
            clause.append(" (")
            clause.append(unit)
            clause.append(")")
        }
        return clause
    }
}

/// The elements of an array.
public struct JSONArray {
    let value: JSONValue
    public var count: Int { json_array_size(value.value) }

    /// An element, or nil beyond the end.
    public subscript(index: Int) -> JSONValue? {
        guard index >= 0, let element = json_array_get(value.value, index) else { return nil }
        return JSONValue(document: value.document, value: element, path: .element(value.path, index))
    }
}

/// The members of an object.
public struct JSONObject {
    /// The object itself, for complaints about it as a whole.
    public let value: JSONValue

    /// A member, or nil when there is no such key.
    @inline(never)
    public subscript(key: StaticString) -> JSONValue? {
        let name = UnsafeRawPointer(key.utf8Start).assumingMemoryBound(to: CChar.self)
        guard let member = json_object_get(value.value, name) else { return nil }
        return JSONValue(document: value.document, value: member, path: .member(value.path, [UInt8](key)))
    }

    /// A member that must be there.
    @inline(never)
    public func required(_ key: StaticString) throws(JSONError) -> JSONValue {
        if let member = self[key] { return member }
        var clause: [UInt8] = [UInt8]("needs the key \"")
        clause.append(key)
        clause.append("\"")
        throw value.error(.missingKey, clause)
    }

    /// Refuses members with any other key; the complaint is at the key.
    public func allow(_ keys: [StaticString]) throws(JSONError) {
        var iterator = json_object_iter(value.value)
        while let current = iterator {
            guard let name = json_object_iter_key(current) else { return }
            let key = octets(name)
            if !keys.contains(where: { has(key, $0) }) {
                let path = JSONPath.member(value.path, key)
                throw JSONError(.unknownKey, value.document.position(of: path, key: true), path: path.description, clause: [UInt8]("is not a known key"))
            }
            iterator = json_object_iter_next(value.value, current)
        }
    }

    private func octets(_ name: UnsafePointer<CChar>) -> [UInt8] {
        var key: [UInt8] = []
        var pointer = UnsafeRawPointer(name).assumingMemoryBound(to: UInt8.self)
        while pointer.pointee != 0 { key.append(pointer.pointee); pointer += 1 }
        return key
    }

    private func has(_ key: [UInt8], _ name: StaticString) -> Bool {
        key.elementsEqual(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }
}
