import Testing
import System
@testable import JSON

private func document(_ text: String, limit: Int = 100_000) throws(JSONError) -> JSONDocument { try JSONDocument(Array(text.utf8), limit: limit) }

/// Runs `body` and returns the sentence of the error it throws.
private func sentence(_ text: String, limit: Int = 100_000, _ body: (JSONObject) throws(JSONError) -> Void = { _ in }) -> String {
    do throws(JSONError) { try body(document(text, limit: limit).top.object()) } catch { return error.description(file: "f").text }
    return "no error"
}

@Suite struct JSONReaderTests {
    @Test func readsEveryKind() throws {
        let object = try document(#"{"s":"a\u00e9\n","i":-7,"r":0.5,"t":true,"n":null,"a":[1,[]],"o":{"x":1}}"#).top.object()
        #expect(try object.required("s").string() == Array("aé\n".utf8))
        #expect(try object.required("i").integer(-10...10) == -7)
        #expect(try object.required("r").decimal() == Decimal(5, exponent: -1))
        #expect(try object.required("t").boolean())
        #expect(object["n"]?.kind == .null)
        #expect(object["absent"]?.kind == nil)
        let array = try object.required("a").array()
        #expect(array.count == 2 && array[2]?.kind == nil && array[-1]?.kind == nil)
        #expect(try array[0]?.integer(0...1) == 1)
    }

    @Test(arguments: ["0.5", "21.4", "-0.1", "1e-9", "123456789012.345", "0.000061035156", "86399.999", "6.02214076e23", "1.7976931348623157e308"])
    func realsAreExactDecimals(_ literal: String) throws {
        let value = try document("[\(literal)]").top.array()[0]?.decimal()
        #expect(value == Decimal(octets: Array(literal.utf8)))
    }

    @Test func wholeRealsAreIntegersAsInJSONSchema() throws {
        let array = try document("[6.0, 6e0, 6.5, 9223372036854775807, \"6\"]").top.array()
        #expect(try array[0]?.integer(0...9) == 6)
        #expect(try array[1]?.integer(0...9) == 6)
        #expect(throws: JSONError.self) { try array[2]?.integer(0...9) }
        #expect(try array[3]?.integer(0...Int64.max) == Int64.max)
        #expect(throws: JSONError.self) { try array[4]?.integer(0...9) }
    }

    @Test(arguments: [
        ("", "f:1:0"), ("{", "f:1:1"), ("{\n \"a\": }", "f:2:7"), ("{\"a\":1,\n  \"a\":2}", "f:2:3: duplicate object key near '\"a\"'"), ("{\"a\":1} x", "f:1:9: end of file expected near 'x'"),
        ("{\"é\":bad}", "f:1:6: invalid token near 'bad'"), ("{\"a\":1,\n\n\"\\u0061\":2}", "f:3:1: duplicate object key"), ("\"top\"", "f:1:1: '[' or '{' expected"),
        ("{\"a\":\"\\u0000\"}", "f:1:"), ("{\"a\":12345678901234567890}", "f:1:6: too big integer"), ("{\"a\":1e999}", "f:1:6: real number overflow"),
        ("{\"a\":\u{1}}", "f:1:6: invalid token near '?'"),
    ])
    func syntaxErrorsSayWhere(_ text: String, _ expected: String) {
        let found = sentence(text)
        #expect(found.hasPrefix(expected) || (text.isEmpty && found != "no error"), "\(found)")
    }

    @Test func refusesTextThatIsNotUTF8() {
        #expect(throws: JSONError.self) { try JSONDocument([0x5B, 0x22, 0xFF, 0x22, 0x5D], limit: 10) }
    }

    @Test func boundsHoldBeforeAnythingIsAllocated() throws {
        #expect(sentence("{}   ", limit: 4) == "f:1:1: is larger than 4 octets")
        let deep = String(repeating: "[", count: Bounds.jsonDepth) + String(repeating: "]", count: Bounds.jsonDepth)
        _ = try document(deep)
        #expect(sentence("[" + deep + "]") == "f:1:1: is nested deeper than 16 levels")
        #expect(sentence("[" + String(repeating: "0,", count: Bounds.jsonValues) + "0]") == "f:1:1: has more than 8192 values")
        #expect(sentence("{\"[[[[[[[[[[[[[[[[[[\\\"[\":1}") == "no error")
    }

    private let nested = "{\n  \"é\\\"x\": {\"b\": [1]}, \"p\\u0065riod\" : 7,\n  \"list\": [ [1,2], {\"q\":\"]\"},\n {\"deep\"  :\t\"x\"}]\n}"

    @Test func complaintsAreAtTheValue() {
        #expect(sentence(nested) { (o) throws(JSONError) in _ = try o.required("period").integer(0...6, unit: "days") } == "f:2:39: period: must be at most 6 (days)")
        #expect(sentence(nested) { (o) throws(JSONError) in _ = try o.required("list").array()[2]?.object().required("deep").decimal() }
            == "f:4:13: list[2].deep: must be a number")
        #expect(sentence(nested) { (o) throws(JSONError) in _ = try o.required("list").array()[1]?.boolean() } == "f:3:20: list[1]: must be true or false")
        #expect(sentence(nested) { (o) throws(JSONError) in _ = try o.required("list").array(count: 4...9) } == "f:3:11: list: must have at least 4 elements")
        #expect(sentence(nested) { (o) throws(JSONError) in _ = try o.required("list").array()[2]?.object().required("gone") } == "f:4:2: list[2]: needs the key \"gone\"")
        #expect(sentence("[]") == "f:1:1: must be an object")
        #expect(sentence("{}") { (o) throws(JSONError) in _ = try o.required("a") } == "f:1:1: needs the key \"a\"")
    }

    @Test func unknownKeysAreAtTheKey() {
        #expect(sentence(nested) { (o) throws(JSONError) in try o.allow(["period", "list"]) } == "f:2:3: é\"x: is not a known key")
        #expect(sentence(nested) { (o) throws(JSONError) in try o.required("list").array()[2]?.object().allow([]) } == "f:4:3: list[2].deep: is not a known key")
        #expect(sentence("{\"\\u001b\\n😀\": 1, \"a\": 2}") { (o) throws(JSONError) in try o.allow(["a"]) } == "f:1:2: ??😀: is not a known key")
        #expect(sentence("{\"\\ud83d\\ude00\": 1, \"a\": 2}") { (o) throws(JSONError) in try o.allow(["😀"]) } == "f:1:21: a: is not a known key")
    }

    @Test func limitsOfDecimals() throws {
        let low = Decimal(1, exponent: -1), high = Decimal(86400)
        #expect(sentence("{\"a\":0.05}") { (o) throws(JSONError) in _ = try o.required("a").decimal(low, high, unit: "seconds") } == "f:1:6: a: must be at least 0.1 (seconds)")
        #expect(sentence("{\"a\":86400.001}") { (o) throws(JSONError) in _ = try o.required("a").decimal(low, high) } == "f:1:6: a: must be at most 86400")
        #expect(sentence("{\"a\":0.1}") { (o) throws(JSONError) in _ = try o.required("a").decimal(low, high) } == "no error")
    }
}
