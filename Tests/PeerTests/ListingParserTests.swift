import Content
import OpenPGP
import System
import TestSupport
import Testing
@testable import Peer

private let fpr = "a62fd4d43e3fc83ec3bedef69c780921444be7d5"
private let sum = String(repeating: "0a", count: 32)

/// What a parser makes of a text that arrives in pieces.
struct Parsed: Equatable {
    var files: [ListedFile] = []
    var refused: [ListedFile.Defect] = []
    var failure: ListingParser.Defect?

    init(_ octets: [UInt8], step: Int = .max) {
        var parser = ListingParser(), position = 0, files: [ListedFile] = [], refused: [ListedFile.Defect] = []
        do throws(ListingParser.Defect) {
            while position < octets.count {
                let end = position + min(step, octets.count - position)
                try octets[position..<end].withUnsafeBufferPointer { (piece) throws(ListingParser.Defect) in
                    try parser.parse(UnsafeRawBufferPointer(piece)) {
                        switch $0 {
                        case .file(let file): files.append(file)
                        case .refused(let defect, _): refused.append(defect)
                        }
                    }
                }
                position = end
            }
            try parser.end()
        } catch { failure = error }
        self.files = files
        self.refused = refused
    }

    init(_ text: String, step: Int = .max) { self.init(Array(text.utf8), step: step) }
}

@Suite struct ListingParserTests {
    private func entry(_ path: String, size: String = "5", sum: String = "\"\(sum)\"") -> String { "{\"path\":\"\(path)\",\"size\":\(size),\"sum\":\(sum)}" }

    /// One file of the Go implementation's own output, and one of ours.
    @Test(arguments: [1, 7, Int.max]) func theListingThatTheGoImplementationMade(_ step: Int) throws {
        let octets = try Files.read("\(#filePath)".split(separator: "/").dropLast(2).map { "/" + $0 }.joined() + "/Fixtures/ref/alice-listing-for-bob.json", limit: 1 << 16)
        let parsed = Parsed(octets, step: step)
        #expect(parsed.failure == nil && parsed.refused.isEmpty)
        #expect(parsed.files.count >= 5)
        for file in parsed.files {
            #expect(file.fingerprint.description == fpr)
            let stored = try Files.read("\(#filePath)".split(separator: "/").dropLast(2).map { "/" + $0 }.joined() + "/Fixtures/ref/alice/\(fpr)/\(file.name.description)", limit: 1 << 20)
            #expect(Int64(stored.count) == file.size)
            #expect(SHA256Sum(of: stored) == file.sum)
        }
    }

    @Test func spellingsOfTheSame() throws {
        let plain = Parsed("[" + entry("/p2p/\(fpr)/a<b>.pgp") + "]")
        #expect(plain.files.count == 1)
        for text in [
            " [ { \"sum\" : \"\(sum)\" , \"size\" : 5 , \"path\" : \"/p2p/\(fpr)/a\\u003cb\\u003E.pgp\" } ] \n",
            "[{\"x\":[1,{\"path\":\"/p2p/\"},\"]\"],\"p\\u0061th\":\"\\/p2p/\(fpr)/a<b>.pgp\",\"y\":-1.5e3,\"size\":5,\"z\":null,\"sum\":\"\(sum.uppercased())\"}]",
        ] {
            for step in [1, 2, 3, Int.max] { #expect(Parsed(text, step: step) == plain, "\(text) by \(step)") }
        }
    }

    @Test func namesThatNeedEscapes() {
        #expect(Parsed("[" + entry("/p2p/\(fpr)/\\u00fc\\ud83d\\ude00\\\".pgp") + "]").files.first?.name.description == "ü😀\".pgp")
        for lone in ["\\ud83d", "\\ude00", "\\ud83d\\ud83d", "\\ud83dx"] {
            #expect(Parsed("[" + entry("/p2p/\(fpr)/\(lone).pgp") + "]").refused == [.path])
        }
    }

    @Test(arguments: ["[]", " [ ] ", "null", "null\n"]) func nothing(_ text: String) {
        for step in [1, Int.max] { #expect(Parsed(text, step: step) == Parsed("[]")) }
        #expect(Parsed(text).failure == nil)
    }

    @Test func versionsByAllTheirNames() {
        for form in ["a.pgp.versions/\(sum)", "a.pgp.versions/\(sum).pgp", "a.pgp.version/\(sum)"] {
            let file = Parsed("[" + entry("/p2p/\(fpr)/\(form)") + "]").files.first
            #expect(file?.version?.hexadecimal.text == sum)
            #expect(file?.name.description == "a.pgp")
        }
    }

    @Test(arguments: [
        "/p2p/\(fpr)/../\(fpr)/a.pgp", "/p2p/\(fpr)/..", "/p2p/\(fpr)/.a.pgp", "/p2p/\(fpr)/a", "/p2p/\(fpr)/", "/p2p/\(fpr)", "/p2p/\(fpr)/a/b.pgp", "/etc/passwd",
        "/p2p/\(fpr)/a.pgp/", "/p2p/\(fpr)//a.pgp", "p2p/\(fpr)/a.pgp", "/p2p/\(fpr.uppercased())/a.pgp", "/p2p/\(fpr.dropLast())/a.pgp", "/p2p/\(fpr)/a\\\\b.pgp",
        "/p2p/\(fpr)/a\\u0000.pgp", "/p2p/\(fpr)/a\\n.pgp", "/p2p/\(fpr)/a\\u0080.pgp", "/p2p/\(fpr)/a.pgp.versions/\(sum.dropLast())", "/p2p/\(fpr)/.versions/\(sum)",
        "/p2p/\(fpr)/a.pgp.versions/../b.pgp", "",
    ]) func pathsThatLeadElsewhere(_ path: String) {
        let parsed = Parsed("[" + entry(path) + "," + entry("/p2p/\(fpr)/good.pgp") + "]")
        #expect(parsed.refused == [.path])
        #expect(parsed.files.count == 1)
    }

    @Test func aPathThatDoesNotEnd() {
        let parsed = Parsed("[" + entry("/p2p/\(fpr)/" + String(repeating: "a", count: 100_000) + ".pgp") + "]")
        #expect(parsed.refused == [.path] && parsed.failure == nil)
    }

    @Test(arguments: ["-1", "1.5", "1e3", "\"5\"", "null", "true", "1234567890123456789", "[5]", "{}"]) func sizesThatAreNone(_ size: String) {
        #expect(Parsed("[" + entry("/p2p/\(fpr)/a.pgp", size: size) + "]").refused == [.size])
    }

    @Test(arguments: ["\"\"", "\"\(sum)0\"", "\"\(sum.dropLast())g\"", "5", "null", "[\"\(sum)\"]"]) func sumsThatAreNone(_ value: String) {
        #expect(Parsed("[" + entry("/p2p/\(fpr)/a.pgp", sum: value) + "]").refused == [.sum])
    }

    @Test func membersThatAreMissingOrTwice() {
        #expect(Parsed("[{}]").refused == [.path])
        #expect(Parsed("[{\"path\":\"/p2p/\(fpr)/a.pgp\",\"sum\":\"\(sum)\"}]").refused == [.size])
        #expect(Parsed("[{\"path\":\"/p2p/\(fpr)/a.pgp\",\"size\":1}]").refused == [.sum])
        #expect(Parsed("[{\"path\":\"/p2p/\(fpr)/a.pgp\",\"size\":1,\"size\":2,\"sum\":\"\(sum)\"}]").refused == [.repeatedMember])
    }

    @Test(arguments: ["", "{", "[", "[{]", "[{}", "[{},]", "[}", "{}", "[5]", "[\"a\"]", "[[]]", "nul", "nulll", "true", "[{\"a\"}]", "[{\"a\":}]", "[{\"a\":1 2}]", "[{\"a\":01}]",
                      "[{\"a\":+1}]", "[{\"a\":nope}]", "[{a:1}]", "[{\"a\":1,}]", "[] x", "[{\"a\":\"\u{1}\"}]", "[{\"a\":\"\\x\"}]", "[{\"a\":[}]", "[{\"a\":[1}}]", "\u{FEFF}[]", "[{\"a\":\"\\u00g0\"}]"])
    func textsThatAreNoListing(_ text: String) {
        for step in [1, Int.max] { #expect(Parsed(text, step: step).failure == .syntax, "\(text)") }
    }

    @Test func nestingAndLengthAreBounded() {
        #expect(Parsed("[{\"a\":" + String(repeating: "[", count: Bounds.jsonDepth) + String(repeating: "]", count: Bounds.jsonDepth) + "}]").failure == nil)
        #expect(Parsed("[{\"a\":" + String(repeating: "[", count: Bounds.jsonDepth + 1)).failure == .tooDeep)
        #expect(Parsed([0x5B] + [UInt8](repeating: 0x20, count: Bounds.receivedListingOctets), step: 65_536).failure == .endless)
        let many = "[" + Array(repeating: "{}", count: Bounds.listedEntries + 1).joined(separator: ",") + "]"
        #expect(Parsed(many, step: 65_536).failure == .endless)
        let enough = "[" + Array(repeating: "{}", count: Bounds.listedEntries).joined(separator: ",") + "]"
        #expect(Parsed(enough, step: 65_536).failure == nil)
    }

    /// Whatever is changed in a listing, nothing comes out that is not checked, and the pieces make no difference.
    @Test func aSeededSearch() {
        var random = SeededGenerator(seed: 0x6C69_7374)
        let seed = Array(("[" + entry("/p2p/\(fpr)/a.pgp") + "," + entry("/p2p/\(fpr)/b\\u00fc.pgp.versions/\(sum)") + ",{\"x\":[{}],\"path\":null}]").utf8)
        let interesting = Array("[]{}\",:\\u0019/.n-e \u{0}".utf8) + [0xFF, 0xC3]
        for _ in 0..<20_000 {
            var octets = seed
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let position = Int.random(in: 0..<octets.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: octets[position] = interesting.randomElement(using: &random) ?? 0
                case 1: octets.remove(at: position)
                case 2: octets.insert(interesting.randomElement(using: &random) ?? 0, at: position)
                default: octets.removeSubrange(position...)
                }
                if octets.isEmpty { octets = [0x5B] }
            }
            let whole = Parsed(octets)
            #expect(whole == Parsed(octets, step: Int.random(in: 1...9, using: &random)))
            for file in whole.files { #expect(file.size >= 0 && FileName.defect(file.name) == nil) }
        }
    }
}

extension FileName {
    static func defect(_ name: FileName) -> Defect? { name.octets.withUnsafeBytes { defect(of: $0) } }
}
