import Foundation
import OpenPGP
import System
import Testing
@testable import GnuPG

extension WithGnuPG {
    @Suite struct OpeningTests {
        /// Everything that the Go implementation wrote, octet for octet: its literals have mode `u`.
        @Test(arguments: [("hello.json", "hello.json"), ("private.json", "hello.json"), ("group.json", "group.json"), ("note.json", "note.v3.json"),
                          ("crlf.txt", "crlf.txt"), ("blob.bin", "blob.bin"), ("empty.json", "empty.json")])
        func filesOfTheGoImplementation(_ name: String, _ plain: String) throws {
            let peer = try Peer(account: "ref/alice", passphrase: "fixture-alice")
            let message = try peer.open(try fixture("ref/alice/\(alice.description)/\(name).pgp"))
            #expect(message.content == (try fixture("plain/\(plain)")))
            #expect(message.signer == alice)
            #expect(message.wasEncrypted)
        }

        @Test func filesOfGnuPG() throws {
            let peer = try Peer(account: "gnupg24/gina", passphrase: "fixture-gina")
            for (name, plain) in [("hello.json", "hello.json"), ("group.json", "group.json"), ("blob.bin", "blob.bin"), ("public.json", "hello.json"),
                                  ("public-uncompressed.json", "hello.json"), ("zlib.json", "hello.json"),
                                  ("bzip2.json", "hello.json"), ("aes256-sha512.json", "hello.json"), ("ocb-tag20.json", "hello.json"),
                                  ("ocb-tag20-blob.bin", "blob.bin")] {
                let message = try peer.open(try fixture("gnupg24/gina/\(gina.description)/\(name).pgp"))
                #expect(message.content == (try fixture("plain/\(plain)")), "\(name)")
                #expect(message.signer == gina)
                #expect(message.wasEncrypted == !name.hasPrefix("public"), "\(name)")
            }
        }

        /// Key id 0: gpg tries every secret key. This one is for alice.
        @Test func aHiddenRecipient() throws {
            let peer = try Peer(account: "ref/alice", passphrase: "fixture-alice")
            let message = try peer.open(try fixture("gnupg24/gina/\(gina.description)/hidden-recipient.json.pgp"))
            #expect(message.content == (try fixture("plain/hello.json")))
        }

        /// gpg --textmode turned every line end into CR LF before signing: that is the content, exactly.
        @Test func textMode() throws {
            let peer = try Peer(account: "gnupg24/gina", passphrase: "fixture-gina")
            let message = try peer.open(try fixture("gnupg24/gina/\(gina.description)/textmode.txt.pgp"))
            let plain = try fixture("plain/crlf.txt")
            #expect(message.content.contains(0x0D))
            #expect(message.content.filter { $0 != 0x0D } == plain.filter { $0 != 0x0D })
        }

        @Test func whatIsRefused() throws {
            let peer = try Peer(account: "gnupg24/gina", passphrase: "fixture-gina")
            func error(_ octets: [UInt8]) -> GnuPGError? {
                do { _ = try peer.open(octets); return nil } catch { return error as? GnuPGError }
            }
            let folder = "gnupg24/gina/\(gina.description)/"
            guard case .notSigned = error(try fixture(folder + "BAD-unsigned.json.pgp")) else { Issue.record("unsigned"); return }
            guard case .armored = error(try fixture(folder + "BAD-armored.json.pgp")) else { Issue.record("armored"); return }
            guard case .unknownSigner = error(try fixture(folder + "BAD-signed-by-hugo.json.pgp")) else { Issue.record("hugo"); return }
            guard case .notForUs = error(try fixture("ref/alice/\(alice.description)/private.json.pgp")) else { Issue.record("not for us"); return }
            guard case .damaged = error([]) else { Issue.record("empty"); return }
            guard case .damaged = error([0x41, 0x42]) else { Issue.record("no packet"); return }
            var changed = try fixture(folder + "public-uncompressed.json.pgp")
            changed[60] ^= 1
            switch error(changed) {
            case .badSignature, .damaged: break
            default: Issue.record("a changed octet")
            }
            for message in ["hello.json", "public.json"] {
                let whole = try fixture(folder + message + ".pgp")
                for count in stride(from: 1, to: whole.count, by: 64) { #expect(error(Array(whole[..<count])) != nil, "cut after \(count)") }
            }
        }

        /// The author is the owner of the primary key, whichever subkey signed; hugo's file is hugo's once he is known.
        @Test func signersAreNamedByTheirPrimaryKey() throws {
            let peer = try Peer(account: "ref/alice", passphrase: "fixture-alice")
            #expect(try peer.open(try fixture("gnupg24/subsig/\(subsig.description)/hello.json.pgp")).signer == subsig)
            #expect(try peer.open(try fixture("gnupg24/prot/\(prot.description)/hello.json.pgp")).signer == prot)
            let hugo = try fixture("keys/gnupg24-hugo.asc")
            let fingerprint = try peer.gnupg.wait { peer.gnupg.importKeys(hugo, completion: $0) }[0]
            let message = try peer.open(try fixture("gnupg24/gina/\(gina.description)/BAD-signed-by-hugo.json.pgp"))
            #expect(message.signer == fingerprint)
        }

        /// Another encryption inside has recipients that nobody looked at.
        @Test func anEncryptionInsideAnother() throws {
            let peer = try Peer(account: "ref/alice", passphrase: "fixture-alice")
            let result = Result { try peer.open(try fixture("hostile/nested.pgp")) }
            guard case .failure(let error) = result, case .damaged? = error as? GnuPGError else { Issue.record("\(result)"); return }
        }

        /// What gpg had no time for is no unsigned message: whoever follows would never ask for it again.
        @Test(arguments: ["public", "group"]) func aGpgThatIsTooSlowSaysNothingAboutTheMessage(_ name: String) throws {
            let peer = try Peer(account: "gnupg24/gina", passphrase: "fixture-gina")
            let file = try fixture("gnupg24/gina/\(gina.description)/\(name).json.pgp")
            let result = Result { try peer.gnupg.wait { peer.gnupg.open(file, limit: 8192, seconds: 0, completion: $0) } as OpenedMessage }
            guard case .failure(let error) = result, case .timedOut? = error as? GnuPGError else { Issue.record("\(result)"); return }
            #expect(try peer.open(file).signer == gina)
        }

        /// What becomes gigabytes without being content keeps gpg busy: it is ended when its time is over, and the next message is opened.
        @Test func aMessageThatNeverEnds() throws {
            let peer = try Peer(account: "ref/alice", passphrase: "fixture-alice")
            let file = try fixture("hostile/skipping-bomb.pgp")
            let result = Result { try peer.gnupg.wait { peer.gnupg.open(file, limit: 8192, seconds: 1, completion: $0) } as OpenedMessage }
            guard case .failure(let error) = result, case .timedOut? = error as? GnuPGError else { Issue.record("\(result)"); return }
            let message = try peer.open(try fixture("ref/alice/\(alice.description)/private.json.pgp"))
            #expect(message.signer == alice)
            let programs = try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }.compactMap { process in
                try? String(contentsOfFile: "/proc/\(process)/cmdline", encoding: .utf8)
            }
            let left = programs.filter { $0.contains(peer.directory.path) }
            #expect(left.allSatisfy { $0.hasPrefix("gpg-agent") || $0.contains("/gpg-agent") }, "\(left)")
        }

        @Test func contentBeyondTheLimitIsRefused() throws {
            let peer = try Peer(account: "gnupg24/gina", passphrase: "fixture-gina")
            let file = try fixture("gnupg24/gina/\(gina.description)/blob.bin.pgp")
            let result = Result { try peer.gnupg.wait { peer.gnupg.open(file, limit: 99_999, completion: $0) } as OpenedMessage }
            guard case .failure(let error) = result, case .tooLarge? = error as? GnuPGError else { Issue.record("\(result)"); return }
            #expect(try peer.gnupg.wait { peer.gnupg.open(file, limit: 100_000, completion: $0) }.content.count == 100_000)
        }
    }
}
