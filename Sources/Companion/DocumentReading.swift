import JSON
import OpenPGP
import System

/// Reading documents (docs/vocabulary.md): members that are not known are ignored, and so are those that an older device leaves out.
extension JSONObject {
    func text(_ key: StaticString) throws(JSONError) -> String? {
        guard let value = self[key] else { return nil }
        return try value.string().text
    }

    func requiredText(_ key: StaticString) throws(JSONError) -> String { try required(key).string().text }

    func decimal(_ key: StaticString) throws(JSONError) -> Decimal? {
        guard let value = self[key] else { return nil }
        return try value.decimal()
    }

    func count(_ key: StaticString) throws(JSONError) -> Int? {
        guard let value = self[key] else { return nil }
        return Int(try value.integer(0...Int64(Int32.max)))
    }

    func sequence(_ key: StaticString) throws(JSONError) -> UInt64 { UInt64(try required(key).integer(1...999_999_999_999)) }

    func sum(_ key: StaticString) throws(JSONError) -> SHA256Sum? {
        guard let value = self[key] else { return nil }
        guard let sum = SHA256Sum(hexadecimal: try value.string()) else { throw value.error(.invalid, "must be a SHA-256") }
        return sum
    }

    /// The objects of an array; none when it is missing.
    func objects(_ key: StaticString) throws(JSONError) -> [JSONObject] {
        guard let value = self[key] else { return [] }
        let array = try value.array()
        var objects: [JSONObject] = []
        for index in 0..<array.count { if let one = array[index] { objects.append(try one.object()) } }
        return objects
    }

    /// The types, bare names.
    var types: [String] {
        guard let value = self["@type"] else { return [] }
        if value.kind == .string { return [(try? value.string().text) ?? ""] }
        guard let array = try? value.array() else { return [] }
        return (0..<array.count).compactMap { index in array[index].flatMap { try? $0.string().text } }
    }

    /// The name of a part of a device: what is behind `mau:<fingerprint>#`, which must be this device's.
    func part(_ key: StaticString, of device: Fingerprint) throws(JSONError) -> String {
        let value = try required(key), octets = try value.string()
        let prefix = Array("mau:\(device.description)#".utf8)
        guard octets.starts(with: prefix), octets.count > prefix.count else { throw value.error(.invalid, "is no part of the device that signed it") }
        return Array(octets[prefix.count...]).text
    }

    /// That the member is `mau:<fingerprint>` of this device, and of this file of it when a name is given.
    func demand(_ key: StaticString, _ device: Fingerprint, file name: String? = nil) throws(JSONError) {
        let value = try required(key)
        let wanted = name.map { "mau:\(device.description)/\($0)" } ?? "mau:\(device.description)"
        guard try value.string() == Array(wanted.utf8) else { throw value.error(.invalid, "names another file or device than the one that it is of") }
    }
}

extension VerifiedFile {
    /// Reads the content as a document.
    func document<Value>(_ read: (JSONObject) throws(JSONError) -> Value) -> Result<Value, FileProblem> {
        do throws(JSONError) { return .success(try read(try JSONDocument(content, limit: Bounds.documentSize).top.object())) } catch {
            return .failure(FileProblem("\(error.description(file: name))"))
        }
    }
}

extension Decimal {
    /// As JSON writes it, without exponent where that is readable.
    package var text: String {
        if coefficient == 0 { return "0" }
        var octets: [UInt8] = []
        if exponent >= 0 {
            guard let whole = scaled(0) else { return "\(coefficient)e\(exponent)" }
            octets.append(decimal: whole)
        } else if exponent < -18 { return "\(coefficient)e\(exponent)" } else { octets.append(decimal: coefficient, decimals: -exponent) }
        return octets.text
    }

    /// The nearest binary floating point number: for drawing, never for saying.
    package var approximate: Double { Double(text) ?? 0 }
}
