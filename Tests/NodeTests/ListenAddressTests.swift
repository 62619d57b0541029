import Testing
@testable import Node

@Suite struct ListenAddressTests {
    @Test func parses() throws {
        let v4 = try ListenAddress("127.0.0.1:0", option: "--http")
        #expect(v4.address == "127.0.0.1" && v4.port == 0)
        let v6 = try ListenAddress("[::]:8008", option: "--http")
        #expect(v6.address == "::" && v6.port == 8008)
        #expect(v6.description(port: 9).text == "[::]:9" && v4.description(port: 9).text == "127.0.0.1:9")
    }
    @Test(arguments: ["", ":8008", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x", "::1:80", "127.0.0.1:-1"])
    func refuses(_ text: String) { #expect(throws: CommandError.self) { try ListenAddress(text, option: "--http") } }
}
