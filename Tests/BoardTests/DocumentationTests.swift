@testable import Board
import Foundation
import JSON
import Testing

/// docs/board.md says what the parser does.
@Suite struct DocumentationTests {
    /// Each fenced example of the page, with the part it is in.
    private func examples(after heading: String) throws -> [String] {
        let page = String(decoding: try Repository.octets("docs/board.md"), as: UTF8.self)
        let actuators = try #require(page.range(of: "\n## An actuator"))
        let part = heading == "actuators" ? page[actuators.lowerBound...] : page[..<actuators.lowerBound]
        return part.components(separatedBy: "```json\n").dropFirst().compactMap { $0.components(separatedBy: "\n```").first }
    }

    @Test func everySourceHasAnExampleThatParses() throws {
        let sources = try examples(after: "sensors")
        #expect(sources.count == 11)
        for source in sources {
            let board = """
                {"name": "x", "sensors": [{"name": "s", "title": "S", "property": "count", "unitCode": "C62", "unitText": "1", "minimum": 0, "maximum": 1,
                 "source": \(source)}]}
                """
            do throws(JSONError) { _ = try Board(json: Array(board.utf8)) } catch { Issue.record("\(error.description(file: source))") }
        }
    }

    @Test func everyTargetHasAnExampleThatParses() throws {
        let sources = try examples(after: "actuators")
        #expect(sources.count == 8)
        for source in sources {
            let board = "{\"name\": \"x\", \"actuators\": [{\"name\": \"a\", \"title\": \"A\", \"type\": \"\(source.contains("pulseWidth") || source.contains("scale") ? "level" : "switch")\", \"source\": \(source)}]}"
            do throws(JSONError) { _ = try Board(json: Array(board.utf8)) } catch { Issue.record("\(error.description(file: source))") }
        }
    }

    /// Every key of the JSON Schema is on the page.
    @Test func everyKeyIsThere() throws {
        let page = String(decoding: try Repository.octets("docs/board.md"), as: UTF8.self)
        let schema = try JSONSerialization.jsonObject(with: Data(Repository.octets("vocab/board.schema.json")))
        var keys: Set<String> = []
        func collect(_ value: Any) {
            guard let object = value as? [String: Any] else {
                (value as? [Any])?.forEach(collect)
                return
            }
            if let properties = object["properties"] as? [String: Any], object["type"] as? String == "object" { keys.formUnion(properties.keys) }
            object.values.forEach(collect)
        }
        collect(schema)
        #expect(keys.count > 40)
        for key in keys { #expect(page.contains("`\(key)`") || page.contains("\"\(key)\""), "\(key)") }
    }
}
