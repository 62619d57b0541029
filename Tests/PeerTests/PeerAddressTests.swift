import Testing
@testable import Peer

@Suite struct PeerAddressTests {
    @Test(arguments: [("192.0.2.1:80", "192.0.2.1", 80, true), ("[2001:db8::1]:8448", "2001:db8::1", 8448, true), ("[fe80::1%2]:1", "fe80::1%2", 1, true),
                      ("board.local:65535", "board.local", 65535, false), ("a_b-c:8", "a_b-c", 8, false)])
    func addresses(_ text: String, _ host: String, _ port: Int, _ isNumeric: Bool) throws {
        let address = try #require(PeerAddress(Array(text.utf8)))
        #expect(address.host == Array(host.utf8) && Int(address.port) == port && address.isNumeric == isNumeric)
        #expect(address.description.text == text)
    }

    @Test(arguments: ["", ":", "a", "a:", ":80", "a:0", "a:65536", "a:-1", "2001:db8::1:80", "[]:80", "a b:80", "a/b:80", "[a:b]x:80", "a%2:80", "[::1/64]:80", "a:80x", "é:80"])
    func noAddresses(_ text: String) { #expect(PeerAddress(Array(text.utf8)) == nil) }
}
