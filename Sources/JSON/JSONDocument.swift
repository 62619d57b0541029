import CJansson
import System

/// A JSON text that was read: owns jansson's tree of it. Values are views that keep the document alive.
///
/// Strict: RFC 8259, UTF-8, an object or an array at the top, no key twice in an object, nothing after the end, no NUL in
/// strings. Bounded before anything is allocated: the text by the caller's limit, nesting by `Bounds.jsonDepth`
/// and the number of values by `Bounds.jsonValues` (jansson takes about 20 octets for each octet of `[1,1,1...]`).
public final class JSONDocument {
    private let tree: UnsafeMutablePointer<json_t>
    private let text: [UInt8]

    /// Reads a text of at most `limit` octets. The corresponding C function is `json_loadb`.
    public init(_ text: [UInt8], limit: Int) throws(JSONError) {
        let start = JSONPosition(line: 1, column: 1)
        if text.count > limit { throw JSONError(.bounds, start, clause: clause("is larger than ", limit, " octets")) }
        let (depth, values) = JSONScanner.measure(text)
        if depth > Bounds.jsonDepth { throw JSONError(.bounds, start, clause: clause("is nested deeper than ", Bounds.jsonDepth, " levels")) }
        if values > Bounds.jsonValues { throw JSONError(.bounds, start, clause: clause("has more than ", Bounds.jsonValues, " values")) }
        var error = json_error_t()
        let tree = text.withUnsafeBytes { raw in
            json_loadb(raw.baseAddress?.assumingMemoryBound(to: CChar.self), raw.count, Int(JSON_REJECT_DUPLICATES), &error)
        }
        guard let tree else { throw JSONDocument.syntaxError(text, &error) }
        self.tree = tree
        self.text = text
    }

    deinit { json_decref(tree) }

    /// The value at the top: an object or an array.
    public var top: JSONValue { JSONValue(document: self, value: tree, path: .top) }

    /// jansson counts up to the end of the token it could not accept; people look for its beginning.
    private static func syntaxError(_ text: [UInt8], _ error: inout json_error_t) -> JSONError {
        var message: [UInt8] = []
        withUnsafeBytes(of: &error.text) { raw in
            for octet in raw { if octet == 0 { break } else { message.append(octet) } }
        }
        // jansson's own words are about a flag of its C interface.
        if json_error_code(&error) == json_error_null_character { message = [UInt8]("\\u0000 is not allowed") }
        var scanner = JSONScanner(text)
        let position = if let offset = scanner.start(ofTokenEndingAt: Int(error.position)) {
            scanner.position(of: offset)
        } else {
            JSONPosition(line: max(1, Int(error.line)), column: max(1, Int(error.column)))
        }
        return JSONError(.syntax, position, clause: message)
    }

    /// Where a value (or its key) is.
    func position(of path: JSONPath, key: Bool) -> JSONPosition {
        var scanner = JSONScanner(text)
        _ = scanner.find(path, key: key)
        return scanner.position(of: scanner.offset)
    }
}

/// "text number text", the form of every clause about a limit.
func clause(_ before: StaticString, _ number: Int, _ after: StaticString) -> [UInt8] {
    var text = [UInt8](before)
    text.append(decimal: Int64(number))
    text.append(after)
    return text
}
