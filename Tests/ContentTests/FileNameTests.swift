import Testing
import Content

@Suite struct FileNameTests {
    @Test(arguments: ["a.pgp", "note.json.pgp", "grüße.pgp", "a b.pgp", String(repeating: "x", count: 251) + ".pgp"])
    func accepts(_ name: String) throws { #expect(try FileName(name).description == name) }

    @Test(arguments: ["", ".pgp", ".a.pgp", "a/b.pgp", "..\\a.pgp", "a\u{0}.pgp", "a\n.pgp", "a.asc", "a.pgp.versions", "a\u{7f}.pgp", "a\u{85}.pgp",
                      String(repeating: "x", count: 252) + ".pgp"])
    func refuses(_ name: String) { #expect(throws: FileName.Defect.self) { try FileName(name) } }

    @Test func refusesBadUTF8() { #expect(throws: FileName.Defect.notUTF8) { try FileName([0xC0, 0xAF] + Array(".pgp".utf8)) } }
}
