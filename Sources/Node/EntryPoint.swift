import System

/// The version of this program.
public let maudVersion: StaticString = "0.1.0"

/// The program: called by main() in C with its arguments. Returns the exit code (sysexits.h).
@c(maud_main)
public func maudMain(_ count: Int32, _ arguments: UnsafePointer<UnsafePointer<CChar>?>) -> Int32 {
    var words: [String] = []
    var index = 1
    while index < Int(count), let word = arguments[index] {
        words.append(String(cString: word))
        guard isSame(words[index - 1], word) else {
            Output.standardError("maud: argument \(index) is not UTF-8\n" as Message)
            return ExitCode.usage.rawValue
        }
        index += 1
    }
    return CommandLineInterface.run(words).rawValue
}

/// Whether a text is what its C string is: String repairs octets that are not UTF-8, which would make another name of it.
private func isSame(_ text: String, _ word: UnsafePointer<CChar>) -> Bool {
    var position = word
    for octet in text.utf8 {
        if UInt8(bitPattern: position.pointee) != octet { return false }
        position += 1
    }
    return position.pointee == 0
}

/// From words to a verb, and from its error to a sentence and an exit code.
package enum CommandLineInterface {
    /// Every verb, in the order of `maud --help`.
    static func verbs() -> [Verb] {
        // One line a verb, in alphabetical order of what a person does with them.
        [
            claimCodeVerb, devicesVerb, exportVerb, fingerprintVerb, friendVerb, initVerb, logVerb, openVerb, passwdVerb, publishVerb, resetVerb, runVerb, statusVerb, syncVerb,
        ]
    }

    static func run(_ words: [String]) -> ExitCode {
        let verbs = verbs()
        guard let first = words.first else {
            Output.standardError(Help.overview(verbs))
            return .usage
        }
        if first.hasSameOctets(as: "--help") || first.hasSameOctets(as: "-h") || first.hasSameOctets(as: "help") {
            return help(Array(words.dropFirst()), verbs)
        }
        if first.hasSameOctets(as: "--version") {
            Output.standardOutput("maud \(maudVersion)\n")
            return .success
        }
        guard let verb = verbs.first(where: { first.hasSameOctets(as: $0.name) }) else {
            Output.standardError("maud: there is no verb \(first); maud --help lists them\n")
            return .usage
        }
        if words.contains(where: { $0.hasSameOctets(as: "--help") || $0.hasSameOctets(as: "-h") }) {
            Output.standardOutput(Help.verb(verb))
            return .success
        }
        return run(verb, Array(words.dropFirst()))
    }

    private static func run(_ verb: Verb, _ words: [String]) -> ExitCode {
        do throws(CommandError) {
            try verb.run(try Invocation.parse(words, for: verb))
            return .success
        } catch {
            let hint: Message = error.exitCode == .usage ? "; maud \(verb.name) --help explains" : ""
            Output.standardError("maud \(verb.name): \(error.message)\(hint)\n")
            return error.exitCode
        }
    }

    private static func help(_ words: [String], _ verbs: [Verb]) -> ExitCode {
        guard let name = words.first else {
            Output.standardOutput(Help.overview(verbs))
            return .success
        }
        guard let verb = verbs.first(where: { name.hasSameOctets(as: $0.name) }) else {
            Output.standardError("maud: there is no verb \(name)\n")
            return .usage
        }
        Output.standardOutput(Help.verb(verb))
        return .success
    }
}
