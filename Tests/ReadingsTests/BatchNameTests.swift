import Testing
import Readings
import System

@Suite struct BatchNameTests {
    @Test func namesAndParses() throws {
        let name = BatchName(label: ChainLabel(sensor: "cpu-temperature"), sequence: 42)
        #expect(name.octets.text == "r-cpu-temperature-000000000042.json.pgp")
        #expect(BatchName(name.octets) == name)
    }

    @Test func anotherAudienceHasAnotherLabel() throws {
        let label = ChainLabel(sensor: "t", audience: Array("group:viewers".utf8))
        let name = BatchName(label: label, sequence: 1)
        #expect(BatchName(name.octets) == name)
        #expect(label != ChainLabel(sensor: "t"))
        #expect(label.checkpointName.text.hasPrefix("checkpoint-t."))
    }

    @Test(arguments: ["r--000000000001.json.pgp", "r-a-00000000001.json.pgp", "r-a-000000000000.json.pgp", "r-a-00000000000x.json.pgp",
                      "a-a-000000000001.json.pgp", "r-a-000000000001.json", "device.json.pgp", "",
                      "r-My notes-000000000001.json.pgp", "r-a.12-000000000001.json.pgp", "r-a.1234567g-000000000001.json.pgp", "r-.12345678-000000000001.json.pgp"])
    func othersAreNotBatches(_ name: String) { #expect(BatchName(Array(name.utf8)) == nil) }
}
