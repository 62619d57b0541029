import Node

/// Columns for a person, as wide as what is in them.
package struct Table {
    private let titles: [String]
    private var rows: [[String]] = []

    package init(_ titles: [String]) { self.titles = titles }

    /// Adds a row; control characters from outside become question marks.
    package mutating func add(_ cells: [String]) { rows.append(cells.map { printable($0).text }) }

    package var lines: [String] {
        var widths = titles.map(Table.width)
        for row in rows { for (column, cell) in row.enumerated() where column < widths.count { widths[column] = max(widths[column], Table.width(cell)) } }
        return ([titles.map { $0.uppercased() }] + rows).map { line($0, widths) }
    }

    package var octets: [UInt8] { lines.flatMap { Array($0.utf8) + [0x0A] } }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        var line = ""
        for (column, cell) in cells.enumerated() {
            line += cell
            // Nothing is filled behind the last column.
            if column + 1 < cells.count { line += String(repeating: " ", count: max(0, widths[column] - Table.width(cell)) + 2) }
        }
        return line
    }

    /// Columns that a text takes in a terminal: one a character, two for the wide ones of East Asia and for emoji.
    package static func width(_ text: String) -> Int { text.reduce(0) { $0 + width($1) } }

    private static func width(_ character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first else { return 0 }
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0x1F300...0x1FAFF, 0x20000...0x3FFFD: return 2
        default: return scalar.properties.generalCategory == .nonspacingMark ? 0 : 1
        }
    }
}
