import CLinux
import GnuPG
import OpenPGP
import System
import Testing
@testable import Account

extension Session {
    func friends(_ mau: MauDirectory) throws -> Friends {
        let friends = Friends(mau, gnupg: gnupg, owner: account.fingerprint)
        try load(friends)
        return friends
    }
    func load(_ friends: Friends) throws { try finish { friends.load(completion: $0) } }
    func add(_ file: [UInt8], to group: GroupName?, _ friends: Friends) throws -> KeyDescription {
        try finish { friends.add(file, to: group, completion: $0) }
    }
    /// Runs the loop until `start` has completed.
    func finish<Value>(_ start: (@escaping (Result<Value, AccountError>) -> Void) -> Void) throws -> Value {
        var result: Result<Value, AccountError>?
        start { result = $0 }
        while result == nil { try loop.runOnce(wait: true) }
        return try result!.get()
    }
}

extension WithAccount {
    @Suite struct FriendsTests {
        @Test func friendsOfTheGoImplementation() throws {
            let place = try Place(), mau = try place.copy("ref/alice")
            // What its command line leaves in .mau after a sync, and then breaks on.
            try Files.write(try fixture("ref/sync_state.json.example"), to: "\(mau.keys)/sync_state.json")
            let session = try Session(mau, try place.passphrase("fixture-alice")), friends = try session.friends(mau)
            #expect(Set(friends.all.map(\.fingerprint.description)) == Set([bob, carol, dave].map(\.description)))
            let coworkers = try #require(GroupName("coworkers"))
            #expect(friends.members(of: coworkers).map(\.fingerprint) == [carol])
            #expect(friends.friend(carol)?.groups == [coworkers])
            #expect(friends.friend(carol)?.isUngrouped == true)
            #expect(friends.friend(bob)?.groups == [])
            #expect(friends.oddFiles.isEmpty, "what is no .pgp is other programs' and nobody's business")
            // Their keys are there: a message to them can be made, one of theirs be opened.
            let message = try session.gnupg.wait { session.gnupg.sign([1], recipients: [bob, dave], completion: $0) }
            #expect(!message.octets.isEmpty)
            let hello = try fixture("ref/carol/\(carol.description)/hello.json.pgp")
            #expect(try session.gnupg.wait { session.gnupg.open(hello, completion: $0) }.signer == carol)
        }

        @Test(arguments: ["gnupg24/gina", "gnupg24/subsig"])
        func friendsOfGnuPG(_ name: String) throws {
            let place = try Place(), mau = try place.copy(name)
            let session = try Session(mau, try place.passphrase("fixture-" + name.split(separator: "/")[1]))
            let friends = try session.friends(mau)
            #expect(friends.all.count == 3)
            #expect(friends.oddFiles.isEmpty)
        }

        @Test func addListRemove() throws {
            let place = try Place(), mau = try place.copy("gnupg24/gina"), viewers = GroupName.viewers
            let session = try Session(mau, try place.passphrase("fixture-gina")), friends = try session.friends(mau)
            let armored = try fixture("keys/ref-dave.asc")
            #expect(try session.add(armored, to: viewers, friends).fingerprint == dave)
            #expect(try session.add(armored, to: .controllers, friends).fingerprint == dave)
            try session.load(friends)
            #expect(friends.members(of: viewers).map(\.fingerprint) == [dave])
            #expect(friends.members(of: .controllers).map(\.fingerprint) == [dave])
            #expect(friends.friend(dave)?.isUngrouped == false)
            // Binary, encrypted to the account alone, signed by it: gpg's verdict.
            let file = "\(mau.keys)/viewers/\(dave.description).pgp"
            #expect(try Files.status(file)?.mode == 0o600)
            let packets = try run(["gpg", "--homedir", session.directory.path, "--batch", "--list-packets", file]).output.text
            #expect(packets.contains(":pubkey enc packet:") && packets.components(of: ":pubkey enc packet:") == 1)
            #expect(packets.contains(":onepass_sig packet:") && packets.contains(":literal data packet:\n\tmode b"))
            #expect(try run(["ls", "-A", mau.path]).output.text == ".mau\n\(gina.description)\n")
            // Another node with the same account sees the same.
            let again = try Session(mau, try place.passphrase("fixture-gina")).friends(mau)
            #expect(again.all.count == 4)
            try friends.remove(dave, from: viewers)
            try session.load(friends)
            #expect(friends.friend(dave)?.groups == [.controllers])
            try friends.remove(dave, from: nil)
            try session.load(friends)
            #expect(friends.friend(dave) == nil)
            guard case .noSuchFriend? = accountError({ try friends.remove(dave, from: nil) }) else { Issue.record("twice"); return }
        }

        @Test func whatIsNoFriend() throws {
            let place = try Place(), mau = try place.copy("gnupg24/gina")
            let session = try Session(mau, try place.passphrase("fixture-gina")), friends = try session.friends(mau)
            func error(_ file: [UInt8]) -> AccountError? { accountError { _ = try session.add(file, to: nil, friends) } }
            guard case .ownKey? = error(try fixture("keys/gnupg24-gina.asc")) else { Issue.record("own"); return }
            guard case .notOneKey? = error(Array("hello".utf8)) else { Issue.record("text"); return }
            guard case .notOneKey? = error([]) else { Issue.record("nothing"); return }
            let two = error(try fixture("keys/ref-bob.asc") + [0x0A] + fixture("keys/ref-dave.asc"))
            guard case .notOneKey? = two else { Issue.record("\(String(describing: two))"); return }
            guard case .notOneKey? = error([UInt8](repeating: 0x99, count: Bounds.keyFileSize + 1)) else { Issue.record("large"); return }
            let home = "\(place.path)/gpg"
            try Files.makeDirectory(home)
            defer { _ = try? run(["gpgconf", "--homedir", home, "--kill", "all"]) }
            let gpg = ["gpg", "--homedir", home, "--batch", "--pinentry-mode", "loopback", "--passphrase", ""]
            #expect(try run(gpg + ["--quick-gen-key", "Other", "ed25519", "default", "never"]).code == 0)
            let secret = try run(gpg + ["--export-secret-keys", "Other"]).output
            guard case .secretKey? = error(secret) else { Issue.record("secret"); return }
            #expect(try run(["ls", mau.keys]).output == run(["ls", fixturePath("gnupg24/gina/.mau")]).output)
        }

        /// Whoever can write files into .mau cannot make friends: our own signature is missing.
        @Test func filesThatTheAccountDidNotSign() throws {
            let place = try Place(), mau = try place.copy("gnupg24/gina")
            let session = try Session(mau, try place.passphrase("fixture-gina"))
            // A plain key under a friend's name, a file that alice signed, a friend's file under another's name, garbage.
            let bobKey = try run(["gpg", "--dearmor", "--output", "-", fixturePath("keys/ref-dave.asc")]).output
            try Files.write(bobKey, to: "\(mau.keys)/\(dave.description).pgp")
            try Files.makeDirectory("\(mau.keys)/controllers")
            try Files.write(try Files.read("\(mau.keys)/\(bob.description).pgp", limit: 1 << 20), to: "\(mau.keys)/controllers/\(subsig.description).pgp")
            try Files.write(try fixture("ref/alice/.mau/\(bob.description).pgp"), to: "\(mau.keys)/controllers/\(bob.description).pgp")
            try Files.write([1, 2, 3], to: "\(mau.keys)/controllers/notes.pgp")
            let friends = try session.friends(mau)
            #expect(friends.all.count == 3)
            #expect(friends.members(of: .controllers).isEmpty)
            #expect(Set(friends.oddFiles.map(\.path)) == Set(["\(dave.description).pgp", "controllers/\(subsig.description).pgp",
                                                              "controllers/\(bob.description).pgp", "controllers/notes.pgp"]))
        }

        @Test func followAndUnfollow() throws {
            let place = try Place(), mau = try place.copy("gnupg24/gina")
            let session = try Session(mau, try place.passphrase("fixture-gina")), friends = try session.friends(mau)
            #expect(!friends.isFollowed(alice))
            try friends.follow(alice)
            #expect(friends.isFollowed(alice))
            try Files.write([1], to: "\(mau.content(of: alice))/a.pgp")
            try friends.unfollow(alice)
            #expect(!friends.isFollowed(alice))
            #expect(try Files.read("\(mau.unfollowedContent(of: alice))/a.pgp", limit: 1) == [1])
            try friends.follow(alice)
            try friends.follow(alice)
            #expect(try Files.read("\(mau.content(of: alice))/a.pgp", limit: 1) == [1])
            #expect(try Files.status(mau.unfollowedContent(of: alice)) == nil)
            try Files.makeDirectory(mau.unfollowedContent(of: alice))
            guard case .bothDirectories? = accountError({ try friends.unfollow(alice) }) else { Issue.record("both"); return }
            guard case .noSuchFriend? = accountError({ try friends.follow(dave) }) else { Issue.record("stranger"); return }
            guard case .ownKey? = accountError({ try friends.unfollow(gina) }) else { Issue.record("own"); return }
            guard case .notFollowed? = accountError({ try friends.unfollow(carol) }) else { Issue.record("not followed"); return }
        }

        @Test(arguments: ["", ".", ".a", "a/b", "a\\b", "a\n", "a\u{0}", "a\u{85}", String(repeating: "a", count: 65)])
        func noGroupNames(_ name: String) { #expect(GroupName(name) == nil) }
        @Test(arguments: ["a", "co-workers 2", "Zürich", String(repeating: "a", count: 64)])
        func groupNames(_ name: String) { #expect(GroupName(name)?.description == name) }
    }
}

extension String {
    /// How often `part` occurs.
    fileprivate func components(of part: String) -> Int {
        var count = 0, rest = self[...]
        while let range = rest.firstRange(of: part) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
