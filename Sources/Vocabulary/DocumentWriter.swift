import Board
import JSON
import OpenPGP
import System

/// What all documents have in common: the context they are read with, and identifiers that begin with the device's.
struct DocumentWriter {
    var json = JSONWriter()
    /// `mau:<fingerprint>` (docs/vocabulary.md, clause 1.4).
    let device: [UInt8]

    init(fingerprint: Fingerprint) {
        var iri = Array<UInt8>("mau:")
        iri.append(contentsOf: fingerprint.hexadecimal)
        device = iri
        json.beginObject()
        json.key("@context")
        json.string("https://w3id.org/maud/1")
    }

    // Inlining into every caller would cost kilobytes and gain nothing: a document is written once in seconds.

    /// The finished document, with a line feed so that it prints well.
    @inline(never)
    consuming func finish() -> [UInt8] {
        json.endObject()
        var octets = json.bytes
        octets.append(0x0A)
        return octets
    }

    @inline(never)
    mutating func text(_ key: StaticString, _ value: StaticString) {
        json.key(key)
        json.string(value)
    }

    @inline(never)
    mutating func text(_ key: StaticString, octets value: [UInt8]) {
        json.key(key)
        json.string(octets: value)
    }

    /// Nothing when the text is empty.
    @inline(never)
    mutating func text(_ key: StaticString, _ value: String) {
        if value.utf8.isEmpty { return }
        text(key, octets: Array(value.utf8))
    }

    /// `value` x 10^-`decimals`.
    @inline(never)
    mutating func number(_ key: StaticString, _ value: Int64, decimals: Int = 0) {
        json.key(key)
        json.number(value, decimals: decimals)
    }

    /// `<device>#<name>`: a sensor or an actuator.
    mutating func part(_ key: StaticString, _ name: String) { iri(key, separator: 0x23, Array(name.utf8)) }

    /// `<device>/<name>`: a file.
    mutating func file(_ key: StaticString, _ name: [UInt8]) { iri(key, separator: 0x2F, name) }

    @inline(never)
    private mutating func iri(_ key: StaticString, separator: UInt8, _ name: [UInt8]) {
        var iri = device
        iri.append(separator)
        iri.append(contentsOf: name)
        text(key, octets: iri)
    }

    mutating func deviceItself(_ key: StaticString) { text(key, octets: device) }

    mutating func type(_ name: StaticString) { text("@type", name) }

    /// Nanoseconds since 1970 as a date with milliseconds (clause 1.7).
    mutating func date(_ key: StaticString, nanoseconds: Int64) {
        var digits: [UInt8] = []
        digits.append(date: nanoseconds)
        text(key, octets: digits)
    }

    /// Clause 3.5: who may read the file.
    @inline(never)
    mutating func audience(_ audience: Audience) {
        json.key("audience")
        json.beginObject()
        type("Audience")
        switch audience {
        case .everyone:
            text("audienceType", "public")
        case .group(let name):
            text("audienceType", "group")
            text("name", name)
        case .fingerprints(let fingerprints):
            text("audienceType", "fingerprints")
            json.key("identifier")
            json.beginArray()
            for fingerprint in fingerprints { json.string(octets: fingerprint.hexadecimal) }
            json.endArray()
        }
        json.endObject()
    }
}
