import System

/// What is wrong with a JSON text, and where: a person finds the place and knows what to write instead.
public struct JSONError: Error {
    public enum Reason: Sendable {
        /// Not JSON (RFC 8259), or a key twice in one object.
        case syntax
        /// Larger, deeper or with more values than is read.
        case bounds
        /// A key that has no meaning there.
        case unknownKey
        /// A key that must be there and is not.
        case missingKey
        /// A value of another type than is expected.
        case wrongType
        /// A number or a length outside its limits.
        case outOfRange
        /// A value of the right type that cannot be: a malformed name, a name used twice, a contradiction.
        case invalid
    }

    public let reason: Reason
    /// The first is 1; a column is a character.
    public let position: JSONPosition
    /// The place in the tree, "sensors[1].period"; empty at the top.
    public let path: [UInt8]
    /// One clause: "must be at least 0.1 (seconds)".
    public let clause: [UInt8]

    init(_ reason: Reason, _ position: JSONPosition, path: [UInt8] = [], clause: [UInt8]) {
        self.reason = reason
        self.position = position
        self.path = path
        self.clause = clause
    }

    /// One sentence: "board.json:12:17: sensors[1].period: must be at least 0.1 (seconds)".
    public func description(file: String) -> Message {
        var text = Array(file.utf8)
        text.append(0x3A)
        text.append(decimal: Int64(position.line))
        text.append(0x3A)
        text.append(decimal: Int64(position.column))
        text.append(": ")
        if !path.isEmpty {
            text.append(contentsOf: path)
            text.append(": ")
        }
        text.append(contentsOf: clause)
        // Keys and what surrounds a syntax error come from the file: no control character reaches a terminal.
        for index in text.indices where text[index] < 0x20 || text[index] == 0x7F { text[index] = 0x3F }
        return Message(octets: text)
    }
}

/// A place in a text: line and column count from 1, a column is a character (a Unicode scalar).
public struct JSONPosition: Equatable, Sendable {
    public var line: Int
    public var column: Int
    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

/// The way from the top of a document to a value.
public indirect enum JSONPath: Sendable {
    case top
    case member(JSONPath, [UInt8])
    case element(JSONPath, Int)

    /// "sensors[1].period"
    public var description: [UInt8] {
        switch self {
        case .top: return []
        case .member(let parent, let key):
            var text = parent.description
            if !text.isEmpty { text.append(0x2E) }
            text.append(contentsOf: key)
            return text
        case .element(let parent, let index):
            var text = parent.description
            text.append(0x5B)
            text.append(decimal: Int64(index))
            text.append(0x5D)
            return text
        }
    }
}
