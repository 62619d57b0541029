/// A small plot: a line of characters, each as high as its value.
package struct Plot {
    package enum Style {
        case blocks, ascii

        fileprivate var levels: [Character] {
            switch self {
            case .blocks: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
            case .ascii: ["_", ".", "-", "=", "+", "*", "#"]
            }
        }

        /// What the locale's characters allow.
        package static func of(locale: String?) -> Style {
            let name = (locale ?? "").uppercased()
            return name.contains("UTF-8") || name.contains("UTF8") ? .blocks : .ascii
        }
    }

    /// Draws the newest values, oldest first. A gap stands for a value that is none.
    ///
    /// - Parameter width: characters; with more values the oldest are left out, with fewer the plot is shorter.
    package static func line(_ values: [Double?], width: Int, style: Style = .blocks) -> String {
        let shown = values.suffix(max(0, width)), known = shown.compactMap { $0 }
        guard let low = known.min(), let high = known.max() else { return String(repeating: " ", count: shown.count) }
        let levels = style.levels
        return String(shown.map { value in
            guard let value else { return " " }
            // What does not change is neither high nor low.
            guard high > low else { return levels[levels.count / 2] }
            return levels[min(levels.count - 1, Int((value - low) / (high - low) * Double(levels.count)))]
        })
    }
}
