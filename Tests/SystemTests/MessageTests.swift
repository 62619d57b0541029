import System
import Testing

@Suite struct MessageTests {
    @Test func joinsItsPieces() {
        let name: [UInt8] = [0x61, 0xFF], inner: Message = "in\(7)side", literal: StaticString = "literal"
        let message: Message = "a \("text") b \(name) c \(inner) d \(literal) e \(-3)"
        #expect(message.octets == Array("a text b a".utf8) + [0xFF] + Array(" c in7side d literal e -3".utf8))
        #expect(Message("x").text == "x" && ("plain" as Message).text == "plain")
    }
}
