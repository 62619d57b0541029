import System

extension CommandLineInterface {
    static var statusVerb: Verb {
        Verb(name: "status", summary: "print what a running node says of itself, as JSON",
             options: [OptionDescription("--state", "DIR", "the node's state directory (default as for run)"), CommonOptions.runtime],
             arguments: []) { (invocation) throws(CommandError) in
            try writeOutput(try StatusSocket.ask(state: try StateDirectory.path(invocation.value("--state"))))
        }
    }
}
