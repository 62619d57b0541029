import Testing
@testable import Node
import System

@Suite struct InvocationTests {
    let verb = Verb(name: "try", summary: "", options: [
        OptionDescription("--root", "DIR", required: true, ""),
        OptionDescription("--to", "FPR", repeatable: true, ""),
        OptionDescription("--public", nil, ""),
    ], arguments: ["FILE", "[MORE]"], run: { (_) throws(CommandError) in })

    func parse(_ words: String...) throws -> Invocation { try Invocation.parse(words, for: verb) }

    @Test func options() throws {
        let invocation = try parse("--root", "/x", "--to=a", "f", "--to", "b", "--public")
        #expect(invocation.value("--root") == "/x")
        #expect(invocation.values("--to") == ["a", "b"])
        #expect(invocation.has("--public"))
        #expect(invocation.arguments == ["f"])
        #expect(try parse("--root=/x", "--", "--public").arguments == ["--public"])
    }

    @Test(arguments: [
        (["f"], "--root is missing"), (["--root"], "--root needs a value (DIR)"), (["--root", "", "f"], "--root needs a value (DIR)"), (["--root=", "f"], "--root needs a value (DIR)"),
        (["--root", "/", "--bad", "f"], "unknown option --bad"),
        (["--root", "/", "--root", "/", "f"], "--root is given twice"), (["--root", "/"], "FILE is missing"),
        (["--root", "/", "a", "b", "c"], "unexpected argument c"), (["--root", "/", "--public=1", "f"], "--public takes no value"),
    ])
    func mistakes(_ words: [String], _ message: String) {
        let error = #expect(throws: CommandError.self) { try Invocation.parse(words, for: verb) }
        #expect(error?.message.text == message)
        #expect(error?.exitCode == .usage)
    }
}
