import Testing
import JSON
import System

@Suite struct JSONWriterTests {
    @Test func writesEveryKindOfValue() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("a"); writer.beginArray(); writer.number(1); writer.number(-21437, decimals: 3); writer.number(1500, decimals: 3); writer.number(0, decimals: 3); writer.endArray()
        writer.key("b"); writer.string("x\"\\\n\u{1}é")
        writer.key("c"); writer.beginObject(); writer.endObject()
        writer.key("d"); writer.boolean(true); writer.key("e"); writer.null()
        writer.endObject()
        #expect(writer.bytes.text == #"{"a":[1,-21.437,1.5,0],"b":"x\"\\\n\u0001é","c":{},"d":true,"e":null}"#)
    }
    @Test func smallFractionsKeepTheirZeros() {
        var out: [UInt8] = []
        out.append(decimal: 5, decimals: 3)
        #expect(out.text == "0.005")
    }
}
