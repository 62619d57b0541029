import Account
import CLinux
import EventLoop
import GnuPG
import Node
import OpenPGP
import System
import TLS

/// A person's account on a PC, unlocked, with its friends: what every verb works with.
package final class Desk {
    package let place: Place
    package let session: Session
    package let friends: Friends
    private let signingKey: SigningKey
    private var madeNetwork: Network?
    private var signals: Int32 = -1
    /// Somebody pressed Ctrl-C, and a verb wants to end in order: nothing is waited for any more.
    var isInterrupted = false

    /// Unlocks the account. No thread may have been started before (see `UnlockedHome`).
    package init(_ place: Place) throws(CommandError) {
        self.place = place
        Log.isWritten = false
        guard (try? Files.status(MauDirectory(place.root).account)) != nil else {
            throw CommandError(.noInput, "there is no account in \(place.root): mau init --name NAME makes one, --root DIR names another Mau directory")
        }
        do throws(SystemError) { signingKey = try SigningKey() } catch { throw CommandError("cannot lock memory for the key", error) }
        session = try Session(root: place.root, passphraseFile: place.passphraseFile, runtime: place.runtime, signingKey: signingKey)
        friends = try session.friends(of: "mau")
    }

    package var own: Fingerprint { session.account.fingerprint }
    package var loop: EventLoop { session.loop }

    /// What connects to devices; made when it is first needed, because it brings threads with it.
    package func network() throws(CommandError) -> Network {
        if let madeNetwork { return madeNetwork }
        guard signingKey.isSet else { throw CommandError(.dataError, "the account's primary key is not one that TLS can use (Ed25519, or RSA of 2048 to 4096 bits)") }
        let network = try Network(self, signingKey)
        madeNetwork = network
        return network
    }

    /// Ends what was begun.
    package func close() { madeNetwork?.stop() }

    /// Friends whose files are kept here.
    package var followed: [Friend] { friends.all.filter { friends.isFollowed($0.fingerprint) } }

    /// Runs the loop until something holds, at most so long. Returns whether it holds.
    @discardableResult
    func turn(atMost seconds: Double = 3600, until holds: () -> Bool) throws(CommandError) -> Bool {
        let end = loop.now + Int64(seconds * Double(nanosecondsPerSecond))
        let timer = Timer {}
        loop.schedule(timer, at: end)
        defer { loop.cancel(timer) }
        while !holds() {
            if isInterrupted { throw CommandError(.temporary, "interrupted") }
            if loop.now >= end { return false }
            do throws(SystemError) { try loop.runOnce(wait: true) } catch { throw CommandError("the event loop failed", error) }
        }
        return true
    }

    /// From now on Ctrl-C, SIGTERM and a closed terminal end the command in order: what waits ends, and what was begun is ended.
    func catchInterrupts() throws(CommandError) {
        guard signals < 0 else { return }
        do throws(SystemError) {
            signals = try check(maud_signals(), "sigaction")
            try loop.add(signals, .read) { [unowned self] _ in
                var octets: [UInt8] = [0, 0, 0, 0]
                _ = octets.withUnsafeMutableBytes { maud_read(signals, $0.baseAddress, $0.count) }
                isInterrupted = true
            }
        } catch { throw CommandError("cannot start", error) }
    }

    /// Something that a person should know and that is no result. Names from outside control no terminal.
    package static func note(_ message: Message) { Output.standardError("mau: \(printable(message.octets))\n") }
}

extension Friend {
    /// The name in the user id, without the mail address.
    package var name: String { Friend.name(userID: key.userID.text) }

    static func name(userID: String) -> String {
        guard let bracket = userID.firstIndex(of: "<") else { return userID }
        let name = userID[..<bracket].trimmed
        return name.isEmpty ? userID : name
    }
}

extension StringProtocol {
    /// Without blanks at both ends.
    var trimmed: String {
        var rest = self[...]
        while let first = rest.first, first.isWhitespace { rest = rest.dropFirst() }
        while let last = rest.last, last.isWhitespace { rest = rest.dropLast() }
        return String(rest)
    }
}
