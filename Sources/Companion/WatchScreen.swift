import Node
import System

/// The live table of `mau watch`, drawn in place.
package struct WatchScreen {
    private var drawnLines = 0
    private let style: Plot.Style

    package init(style: Plot.Style) { self.style = style }

    /// The cursor is in the way while the table is drawn; it is back at the end.
    package static let begin: [UInt8] = Array("\u{1B}[?25l".utf8), end: [UInt8] = Array("\u{1B}[?25h".utf8)

    /// What to write to see this now: over what was drawn before.
    package mutating func draw(_ watch: [WatchedSensor], now: Int64, note: String, columns: Int, rows: Int) -> [UInt8] {
        var lines = WatchScreen.lines(watch, now: now, columns: columns, style: style)
        lines.append(printable(note).text)
        // What is longer than the screen would scroll, and could not be drawn over.
        lines = Array(lines.prefix(max(1, rows - 1)))
        var out = drawnLines > 0 ? Array("\u{1B}[\(drawnLines)A".utf8) : []
        for line in lines { out += Array("\(WatchScreen.cut(line, to: columns))\u{1B}[K\n".utf8) }
        out += Array("\u{1B}[J".utf8)
        drawnLines = lines.count
        return out
    }

    /// The table: name, latest value, its age, the range of what is plotted, and the plot as wide as there is room.
    package static func lines(_ watch: [WatchedSensor], now: Int64, columns: Int, style: Plot.Style) -> [String] {
        var table = Table(["device", "sensor", "value", "age", "from", "to", ""])
        for one in watch {
            let values = one.readings.map { $0.reading.value }, known = values.compactMap { $0 }
            let latest = one.readings.last.map { $0.batch.words($0.reading) } ?? "nothing yet"
            let age = one.readings.last?.reading.time.map { WatchScreen.age(milliseconds: now - $0) } ?? "-"
            table.add([one.device.name, one.sensor.name, latest, age, known.min { $0 < $1 }?.text ?? "-", known.max { $0 < $1 }?.text ?? "-", ""])
        }
        let lines = table.lines, width = lines.map(Table.width).max() ?? 0
        return lines.enumerated().map { number, line in
            guard number > 0 else { return line }
            let plot = Plot.line(watch[number - 1].readings.map { $0.reading.value?.approximate }, width: columns - width - 1, style: style)
            return line + String(repeating: " ", count: width - Table.width(line)) + plot
        }
    }

    /// `3 s`, `5 min`, `2 h`, `4 d`.
    package static func age(milliseconds: Int64) -> String {
        let seconds = max(0, milliseconds / 1000)
        switch seconds {
        case ..<120: return "\(seconds) s"
        case ..<7200: return "\(seconds / 60) min"
        case ..<172_800: return "\(seconds / 3600) h"
        default: return "\(seconds / 86_400) d"
        }
    }

    private static func cut(_ line: String, to columns: Int) -> String {
        var width = 0, out = ""
        for character in line {
            width += Table.width(String(character))
            if width > columns { break }
            out.append(character)
        }
        return out
    }
}
