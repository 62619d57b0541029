import Account
import CLinux
import Content
import GnuPG
import OpenPGP
import System

/// Writing and reading files of a Mau directory.
extension CommandLineInterface {
    static var publishVerb: Verb { Verb(
        name: "publish", summary: "sign a file, encrypt it unless it is public, and put it into the Mau directory",
        options: [
            CommonOptions.root, CommonOptions.passphraseFile,
            OptionDescription("--name", "NAME", required: true, "its name there, .pgp included"),
            OptionDescription("--to", "FINGERPRINT|GROUP", repeatable: true, "who may read it (default: only this account)"),
            OptionDescription("--public", nil, "everyone may read it"),
            CommonOptions.runtime,
        ], arguments: ["FILE"]) { (invocation) throws(CommandError) in
            if invocation.has("--public"), invocation.has("--to") { throw CommandError(.usage, "--public and --to exclude each other") }
            let text = try invocation.required("--name")
            let name: FileName
            do throws(FileName.Defect) { name = try FileName(text) } catch { throw CommandError(.usage, "the name \(error.description)") }
            let content: [UInt8]
            do throws(SystemError) { content = try Files.read(invocation.arguments[0], limit: Bounds.fileSize) } catch { throw CommandError("cannot read the file", error) }
            let session = try Session(invocation)
            resumeClock(session)
            let recipients = try recipients(invocation, session)
            let message = try session.finish { session.gnuPG.sign(content, recipients: recipients, completion: $0) }
            do throws(ContentError) {
                try ContentFile.write(root: session.root, own: session.account.fingerprint, name: name, octets: message.octets, keepingVersions: true, clock: session.clock)
            } catch { throw CommandError(error) }
        }
    }

    /// Nobody for a public file, else the account and whom `--to` names.
    private static func recipients(_ invocation: Invocation, _ session: Session) throws(CommandError) -> [Fingerprint] {
        if invocation.has("--public") { return [] }
        var recipients = [session.account.fingerprint]
        let names = invocation.values("--to")
        if names.isEmpty { return recipients }
        let friends = try session.friends()
        for name in names {
            if let fingerprint = Fingerprint(name) {
                if fingerprint == session.account.fingerprint { continue }
                guard let friend = friends.friend(fingerprint) else { throw CommandError(.dataError, "\(fingerprint.hexadecimal) is no friend") }
                if let defect = defect(friend.key) { throw CommandError(.dataError, defect) }
                recipients.append(fingerprint)
            } else {
                recipients += try members(of: name, friends)
            }
        }
        return recipients
    }

    /// The members of a group that can be encrypted to. The others are named and left out, as they are from readings: one old
    /// key must not keep a file from everyone else.
    @inline(never)
    private static func members(of name: String, _ friends: Friends) throws(CommandError) -> [Fingerprint] {
        let members = GroupName(name).map { friends.members(of: $0) } ?? []
        if members.isEmpty { throw CommandError(.dataError, "\(printable(name)) is neither a fingerprint nor a group with members") }
        var usable: [Fingerprint] = []
        for member in members {
            guard let defect = defect(member.key) else { usable.append(member.fingerprint); continue }
            if members.count == 1 { throw CommandError(.dataError, defect) }
            Output.standardError("maud: \(defect), and is left out\n" as Message)
        }
        if usable.isEmpty { throw CommandError(.dataError, "nobody in \(printable(name)) can be encrypted to") }
        return usable
    }

    /// Whose key cannot be encrypted to, and why; nil when it can.
    @inline(never)
    static func defect(_ key: KeyDescription) -> Message? {
        key.encryptionDefect.map { "nothing can be encrypted to \(key.fingerprint.hexadecimal) (\(printable(key.userID))): the key \($0)" }
    }

    /// Takes over from the own directory which times were used and have passed (see `Directory.latestTimes`).
    private static func resumeClock(_ session: Session) {
        let path = MauDirectory(session.root).content(of: session.account.fingerprint)
        guard let directory = try? FileDescriptor.open(path, [.read, .directory]) else { return }
        let number = directory.rawValue
        var published: Int64 = 0, passed: Int64 = 0
        try? Files.forEachName(inDirectory: number) { (name) throws(SystemError) in
            var status = maud_status()
            if maud_statat(number, name, false, &status) == 0, Int(status.kind) == MAUD_FILE_REGULAR,
               status.modification_time < RunningNode.latestBelievableTime {
                published = max(published, status.modification_time)
                passed = max(passed, min(status.modification_time, status.change_time))
            }
            return true
        }
        session.clock.resume(latest: published, passed: passed)
        if maud_clock_is_disciplined() > 0 { _ = session.clock.believe() }
    }

    static var openVerb: Verb { Verb(
        name: "open", summary: "verify a file, decrypt it, and write its content to standard output",
        options: [CommonOptions.root, CommonOptions.passphraseFile, CommonOptions.runtime], arguments: ["PATH"]) { (invocation) throws(CommandError) in
            let path = invocation.arguments[0]
            let message: [UInt8]
            do throws(SystemError) { message = try Files.read(path, limit: Bounds.fileSize) } catch { throw CommandError("cannot read the file", error) }
            let author = authorOfPath(path)
            let session = try Session(invocation)
            // The keys of friends are needed for what is not our own.
            if author != session.account.fingerprint { _ = try session.friends() }
            let opened = try session.finish { session.gnuPG.open(message, completion: $0) }
            if let author, author != opened.signer {
                throw CommandError(.dataError, "it lies in the directory of \(author.hexadecimal), but is signed by \(opened.signer.hexadecimal)")
            }
            Output.standardError("signed by \(opened.signer.hexadecimal)\n" as Message)
            try writeOutput(opened.content)
        }
    }

    /// The fingerprint whose directory a path leads through (the last one, followed or not), or nil.
    package static func authorOfPath(_ path: String) -> Fingerprint? {
        for component in Array(path.utf8).split(separator: 0x2F).dropLast().reversed() {
            let name = component.first == 0x2E ? component.dropFirst() : component
            if let fingerprint = Fingerprint(hexadecimal: name) { return fingerprint }
        }
        return nil
    }
}
