import System

/// The text of `maud --help` and `maud VERB --help`, made from what the verbs declare.
enum Help {
    /// All verbs, a line each.
    static func overview(_ verbs: [Verb]) -> [UInt8] {
        var text = [UInt8]("maud: a Mau node: signed readings of this machine, served to its peers.\n\nusage: maud VERB [options]\n\n")
        for verb in verbs {
            text.append("  ")
            append(&text, verb.name, nil, width: 14)
            text.append(verb.summary)
            text.append("\n")
        }
        text.append("\nmaud VERB --help explains a verb; maud --version prints the version.\n")
        return text
    }

    /// One verb with its options.
    static func verb(_ verb: Verb) -> [UInt8] {
        var text = [UInt8]("maud ")
        text.append(verb.name)
        text.append(": ")
        text.append(verb.summary)
        text.append("\n\nusage: maud ")
        text.append(verb.name)
        var isOptionalLeft = false
        for option in verb.options {
            if !option.isRequired { isOptionalLeft = true; continue }
            text.append(" ")
            append(&text, option.name, option.value, width: 0)
        }
        if isOptionalLeft { text.append(" [options]") }
        for argument in verb.arguments {
            text.append(" ")
            text.append(argument)
        }
        text.append(verb.options.isEmpty ? "\n" : "\n\n")
        for option in verb.options {
            text.append("  ")
            append(&text, option.name, option.value, width: 30)
            text.append(option.help)
            text.append(option.isRepeatable ? " (may be repeated)\n" : "\n")
        }
        return text
    }

    /// A name and perhaps a value's placeholder, filled with blanks up to `width`.
    @inline(never)
    private static func append(_ text: inout [UInt8], _ name: StaticString, _ value: StaticString?, width: Int) {
        let start = text.count
        text.append(name)
        if let value {
            text.append(" ")
            text.append(value)
        }
        if width == 0 { return }
        repeat { text.append(" ") } while text.count < start + width
    }
}
