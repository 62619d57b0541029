import System

/// What ends a command early: one sentence for standard error and an exit code from sysexits.h.
public struct CommandError: Error {
    public let message: Message
    public let exitCode: ExitCode

    public init(_ exitCode: ExitCode, _ message: Message) {
        self.exitCode = exitCode
        self.message = message
    }

    /// A failed system call in a sentence: "cannot start: open FILE: Permission denied".
    public init(_ doing: Message, _ error: SystemError) {
        self.init(error.exitCode, "\(doing): \(error.description)")
    }
}

/// One option of a verb, as it is parsed and as `--help` shows it.
struct OptionDescription {
    let name: StaticString
    /// What its value is called in help; nil for an option without value.
    let value: StaticString?
    let isRequired: Bool
    let isRepeatable: Bool
    let help: StaticString

    init(_ name: StaticString, _ value: StaticString?, required: Bool = false, repeatable: Bool = false, _ help: StaticString) {
        self.name = name
        self.value = value
        isRequired = required
        isRepeatable = repeatable
        self.help = help
    }
}

/// One verb of the command line.
struct Verb {
    let name: StaticString
    let summary: StaticString
    let options: [OptionDescription]
    /// Names of the arguments without a dash; the last may end in "..." and repeat; in brackets when it may be missing.
    let arguments: [StaticString]
    let run: (Invocation) throws(CommandError) -> Void
}

/// The parsed arguments of one verb. Options that the verb does not declare never get here.
struct Invocation {
    fileprivate struct Given {
        let option: StaticString
        let value: String
    }
    fileprivate var given: [Given] = []
    /// Arguments without a dash, in order.
    fileprivate(set) var arguments: [String] = []

    /// The value of an option, or nil when it was not given.
    func value(_ name: StaticString) -> String? {
        for one in given where same(one.option, name) { return one.value }
        return nil
    }

    /// The value of an option that the verb declares as required.
    func required(_ name: StaticString) throws(CommandError) -> String {
        guard let value = value(name) else { throw CommandError(.usage, "\(name) is missing") }
        return value
    }

    /// All values of a repeatable option.
    func values(_ name: StaticString) -> [String] {
        var values: [String] = []
        for one in given where same(one.option, name) { values.append(one.value) }
        return values
    }

    /// Whether an option was given.
    func has(_ name: StaticString) -> Bool { value(name) != nil }

    /// Parses `words` (without program and verb) against what the verb declares.
    static func parse(_ words: [String], for verb: Verb) throws(CommandError) -> Invocation {
        var invocation = Invocation()
        var index = 0
        var onlyArguments = false
        while index < words.count {
            let word = words[index]
            index += 1
            if onlyArguments || !isOption(word) { invocation.arguments.append(word); continue }
            if word.hasSameOctets(as: "--") { onlyArguments = true; continue }
            let (name, inlineValue) = split(word)
            guard let option = verb.options.first(where: { name.hasSameOctets(as: $0.name) }) else {
                throw CommandError(.usage, "unknown option \(name)")
            }
            if !option.isRepeatable, invocation.has(option.name) { throw CommandError(.usage, "\(option.name) is given twice") }
            var value = ""
            if let placeholder = option.value {
                if let inlineValue { value = inlineValue }
                else if index < words.count { value = words[index]; index += 1 }
                else { throw CommandError(.usage, "\(option.name) needs a value (\(placeholder))") }
                // An empty word is a shell variable that was never set.
                if value.utf8.isEmpty { throw CommandError(.usage, "\(option.name) needs a value (\(placeholder))") }
            } else if inlineValue != nil {
                throw CommandError(.usage, "\(option.name) takes no value")
            }
            invocation.given.append(Given(option: option.name, value: value))
        }
        try invocation.check(verb)
        return invocation
    }

    private func check(_ verb: Verb) throws(CommandError) {
        for option in verb.options where option.isRequired && !has(option.name) {
            throw CommandError(.usage, "\(option.name) is missing")
        }
        var minimum = 0, unbounded = false
        for argument in verb.arguments {
            if argument.utf8Start[0] != 0x5B { minimum += 1 }
            if argument.utf8CodeUnitCount > 3, argument.utf8Start[argument.utf8CodeUnitCount - 1] == 0x2E { unbounded = true }
        }
        if arguments.count < minimum { throw CommandError(.usage, "\(verb.arguments[arguments.count]) is missing") }
        if arguments.count > verb.arguments.count, !unbounded {
            throw CommandError(.usage, "unexpected argument \(arguments[verb.arguments.count])")
        }
    }

    private static func isOption(_ word: String) -> Bool {
        let octets = word.utf8
        return octets.count > 1 && octets.first == 0x2D
    }

    private static func split(_ word: String) -> (String, String?) {
        let octets = Array(word.utf8)
        guard let equals = octets.firstIndex(of: 0x3D) else { return (word, nil) }
        return (Array(octets[..<equals]).text, Array(octets[(equals + 1)...]).text)
    }
}

/// Whether two literals are the same octets.
func same(_ a: StaticString, _ b: StaticString) -> Bool {
    guard a.utf8CodeUnitCount == b.utf8CodeUnitCount else { return false }
    for index in 0..<a.utf8CodeUnitCount where a.utf8Start[index] != b.utf8Start[index] { return false }
    return true
}
