import JSON
import System

extension JSONWriter {
    /// A member; none is written for nil.
    mutating func member(_ name: StaticString, _ value: String?) {
        guard let value else { return }
        key(name)
        string(value)
    }

    mutating func member(_ name: StaticString, _ value: Bool) {
        key(name)
        boolean(value)
    }

    mutating func member(_ name: StaticString, _ value: Int?) {
        guard let value else { return }
        key(name)
        number(value)
    }

    /// Exactly as it was read.
    mutating func member(_ name: StaticString, _ value: Decimal?) {
        guard let value else { return }
        key(name)
        raw(Array(value.text.utf8))
    }
}
