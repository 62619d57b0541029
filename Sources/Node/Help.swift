import System

/// The text of `maud --help` and `maud VERB --help`, made from what the verbs declare.
enum Help {
    /// All verbs, a line each.
    static func overview(_ verbs: [Verb]) -> String {
        var text = "maud: a Mau node: signed readings of this machine, served to its peers.\n\nusage: maud VERB [options]\n\n"
        for verb in verbs { text += "  " + padded(verb.name, 14) + "\(verb.summary)\n" }
        text += "\nmaud VERB --help explains a verb; maud --version prints the version.\n"
        return text
    }

    /// One verb with its options.
    static func verb(_ verb: Verb) -> String {
        var text = "maud \(verb.name): \(verb.summary)\n\nusage: maud \(verb.name)"
        for option in verb.options where option.isRequired {
            text += " \(option.name)"
            if let value = option.value { text += " \(value)" }
        }
        if verb.options.contains(where: { !$0.isRequired }) { text += " [options]" }
        for argument in verb.arguments { text += " \(argument)" }
        text += "\n"
        if !verb.options.isEmpty { text += "\n" }
        for option in verb.options {
            var left = "\(option.name)"
            if let value = option.value { left += " \(value)" }
            text += "  " + padded(left, 30) + "\(option.help)" + (option.isRepeatable ? " (may be repeated)\n" : "\n")
        }
        return text
    }

    private static func padded(_ text: StaticString, _ width: Int) -> String { padded("\(text)", width) }
    private static func padded(_ text: String, _ width: Int) -> String {
        var text = text
        for _ in 0..<max(1, width - text.utf8.count) { text += " " }
        return text
    }
}
