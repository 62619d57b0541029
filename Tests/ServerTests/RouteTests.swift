import HTTP
import OpenPGP
import System
import Testing
@testable import Server

private let fingerprint = "a62fd4d43e3fc83ec3bedef69c780921444be7d5"
private let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

private func route(_ path: String) -> (Route, String)? {
    var memory = [UInt8](repeating: 0, count: path.utf8.count)
    return Array(path.utf8).withUnsafeBytes { octets in
        memory.withUnsafeMutableBytes { name in
            guard let route = Route.parse(octets, name: name) else { return nil }
            return (route, String(decoding: name[0..<route.nameCount], as: UTF8.self))
        }
    }
}

/// docs/http.md, section 2.
@Suite struct RouteTests {
    @Test func listing() throws {
        let (found, _) = try #require(route("/p2p/\(fingerprint)"))
        #expect(found.kind == .listing && found.fingerprint.description == fingerprint)
    }

    @Test func file() throws {
        let (found, name) = try #require(route("/p2p/\(fingerprint)/a%20b%25.json.pgp"))
        #expect(found.kind == .file && name == "a b%.json.pgp")
    }

    @Test(arguments: [".versions/\(hash)", ".version/\(hash)", ".versions/\(hash).pgp", ".version/\(hash).pgp"])
    func versions(_ suffix: String) throws {
        let (found, name) = try #require(route("/p2p/\(fingerprint)/a.pgp\(suffix)"))
        #expect(found.kind == .version(SHA256Sum(of: Array("abc".utf8))) && name == "a.pgp")
    }

    @Test(arguments: ["", "/p2p", "/P2P/\(fingerprint)", "/p2p/\(fingerprint.uppercased())", "/p2p/\(fingerprint.dropLast())", "/p2p/\(fingerprint)0", "/kad/ping", "/\(fingerprint)",
                      "/p2p/\(fingerprint)/a.pgp/\(hash)", "/p2p/\(fingerprint)/a.pgp.versions/\(hash.uppercased())", "/p2p/\(fingerprint)/a.pgp.versions/\(hash.dropLast())",
                      "/p2p/\(fingerprint)/a.pgp.versions/\(hash).asc", "/p2p/\(fingerprint)/a.pgp.versions/\(hash)/x", "/p2p/\(fingerprint)/.versions/\(hash)"])
    func nothing(_ path: String) { #expect(route(path) == nil) }

    @Test(arguments: ["/p2p/\(fingerprint)/", "/p2p//a", "/p2p/\(fingerprint)/..", "/x/%2e%2e/y", "/p2p/\(fingerprint)/a%2Fb.pgp", "/p2p/\(fingerprint)/a%00.pgp", "/x/y/z/a%2"])
    func malformed(_ path: String) { #expect(route(path) == nil) }
}
