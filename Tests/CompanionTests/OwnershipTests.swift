import Testing
@testable import Companion

@Suite struct OwnershipTests {
    /// RFC 4648, section 10, and the last two digits of its alphabet.
    @Test(arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"), ("??>>~~", "Pz8+Pn5+"), ("???", "Pz8/")])
    func base64(_ text: String, _ digits: String) { #expect(Base64Text.text(Array(text.utf8)) == digits) }
}
