import CLinux
import System
import TestSupport
import Testing
@testable import Content

@Suite struct TableTests {
    private func insert(_ table: Table, _ name: String) -> UInt16? { Array(name.utf8).withUnsafeBytes { table.insert($0) } }
    private func find(_ table: Table, _ name: String) -> UInt16? { Array(name.utf8).withUnsafeBytes { table.find($0) } }
    private func name(_ table: Table, _ index: UInt16) -> String { String(decoding: table.name(index), as: UTF8.self) }

    /// Against a plain dictionary and sorted arrays: 20,000 random insertions, removals and new times.
    @Test func behavesLikeADictionaryAndAList() throws {
        var random = SeededGenerator(seed: 11)
        let table = Table(isOrderedBySum: false)
        var model: [String: (time: Int64, size: Int64)] = [:]
        for _ in 0..<20_000 {
            let long = UInt8.random(in: 0...3, using: &random) == 0
            let text = (long ? "a-name-of-which-forty-octets-are-not-enough-" : "r-") + "\(Int.random(in: 0..<700, using: &random))" + ".pgp"
            if let index = find(table, text) {
                #expect(model[text] != nil)
                if Bool.random(using: &random) {
                    table.remove(index)
                    model[text] = nil
                } else {
                    let time = Int64.random(in: 0..<50, using: &random)
                    table.unlist(index)
                    table[index].pointee.modificationTime = time
                    table[index].pointee.sum = SHA256Sum(of: Array("\(text)".utf8))
                    table.list(index)
                    table.setSize(index, time * 2)
                    model[text] = (time, time * 2)
                }
            } else {
                #expect(model[text] == nil)
                let index = try #require(insert(table, text))
                table.list(index)
                model[text] = (0, 0)
            }
        }
        #expect(table.count == model.count)
        #expect(table.listedCount == model.count)
        #expect(table.octets == model.values.reduce(0) { $0 + $1.size })
        #expect((0..<table.count).map { name(table, table.record(named: $0)) } == model.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
        let times = (0..<table.listedCount).map { table[table.record(listed: $0)].pointee.modificationTime }
        #expect(times == times.sorted())
        for (text, value) in model { #expect(try table[#require(find(table, text))].pointee.modificationTime == value.time) }
    }

    @Test func namesAreComparedOctetByOctet() throws {
        let table = Table(isOrderedBySum: false)
        let base = String(repeating: "n", count: 32)
        let names = ["", "a", "ab", "b", base, base + "1", base + "12345678", base + "123456789", base + "12345678a", base + String(repeating: "z", count: 200), "\u{ff}"]
        for name in names.reversed() { #expect(insert(table, name) != nil) }
        #expect((0..<table.count).map { self.name(table, table.record(named: $0)) } == names)
        for name in names { #expect(find(table, name).map { self.name(table, $0) } == name) }
        #expect(find(table, base + "2") == nil)
        #expect(find(table, base + "1234567") == nil)
    }

    @Test func aFileCostsAtMost160Octets() {
        let table = Table(isOrderedBySum: false)
        let empty = table.heapOctets
        for number in 0..<10_000 {
            guard let index = insert(table, "r-temperature-\(100_000_000_000 + number * 7919 % 10_000).json.pgp") else { continue }
            table.list(index)
        }
        #expect(table.listedCount == 10_000)
        let octets = (table.heapOctets - empty) / 10_000
        #expect((112...130).contains(octets))
        // What was removed is used again.
        for number in 0..<5000 { if let index = find(table, "r-temperature-\(100_000_000_000 + number).json.pgp") { table.remove(index) } }
        for number in 0..<5000 { _ = insert(table, "r-temperature-\(200_000_000_000 + number).json.pgp") }
        #expect((table.heapOctets - empty) / 10_000 <= octets)
    }
}
