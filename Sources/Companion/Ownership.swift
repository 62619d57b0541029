import GnuPG
import JSON
import Node
import OpenPGP
import Peer
import System
import Vocabulary

/// A public key that is to command a device: exactly one, binary.
package struct OwnersKey {
    package let fingerprint: Fingerprint
    package let name: String
    let octets: [UInt8]
}

/// A change of who may command a device (docs/commands.md, part 10), by PUT: who asks wants to know at once.
package struct OwnershipChange {
    package enum Kind: String {
        case add = "AddController"
        case remove = "RemoveController"
        case handOver = "HandOver"
        case renew = "RenewKey"
    }

    let desk: Desk
    let device: KnownDevice
    let kind: Kind
    let fingerprint: Fingerprint
    let key: OwnersKey?

    package init(_ desk: Desk, device: KnownDevice, _ kind: Kind, fingerprint: Fingerprint) {
        (self.desk, self.device, self.kind, self.fingerprint, key) = (desk, device, kind, fingerprint, nil)
    }

    package init(_ desk: Desk, device: KnownDevice, _ kind: Kind, key: OwnersKey) {
        (self.desk, self.device, self.kind, fingerprint, self.key) = (desk, device, kind, key.fingerprint, key)
    }

    /// Sends the command and checks the answer, with a challenge when the device cannot tell otherwise that it is new. What the device refuses is an error.
    package func run() throws(CommandError) -> CommandAnswer {
        let connection: PeerConnection
        switch try desk.network().connect(device.fingerprint) {
        case .success(let made): connection = made
        case .failure(let problem): throw CommandError(.unavailable, "\(device.name) cannot be reached: \(problem.reason)")
        }
        defer { connection.close() }
        var answer = try send(on: connection, challenge: nil)
        if CommandAnswer.isHelpedByChallenge(answer.error), let challenge = try desk.network().challenge(on: connection, of: device.fingerprint) {
            answer = try send(on: connection, challenge: challenge)
        }
        if answer.isCompleted { return answer }
        let reason: String = [answer.error, answer.description].compactMap { $0 }.joined(separator: ": ")
        let code: ExitCode = switch answer.error {
        case "not-controller": .noPermission
        case "not-stored", "interrupted": .inputOutput
        case "clock-not-set", "ledger-lost", "reordered", "expired": .temporary
        default: .dataError
        }
        throw CommandError(code, "\(device.name) refused: \(printable(reason))")
    }

    private func send(on connection: PeerConnection, challenge: [UInt8]?) throws(CommandError) -> CommandAnswer {
        let head = CommandHead(device: device.fingerprint, startTime: desk.session.clock.now / 1_000_000, challenge: challenge)
        let text = document(head), gnuPG = desk.session.gnuPG
        let signed = try desk.session.finish { (done: @escaping GnuPG.Completion<SignedMessage>) in gnuPG.sign(text, recipients: [device.fingerprint], completion: done) }
        guard signed.octets.count <= Bounds.commandFile else { throw CommandError(.dataError, "the key is too large for a command (\(Bounds.commandFile) octets in all): export a minimal one") }
        let response: Response
        switch try desk.network().put(signed.octets, as: head.fileName, on: connection, of: device.fingerprint) {
        case .success(let received): response = received
        case .failure(let error): throw CommandError(.temporary, "no answer came (\(error.description)), so it may or may not have been carried out; mau controllers \(device.name) list tells")
        }
        switch response.status {
        case 200, 201, 422: break
        case 400: throw CommandError(.dataError, "\(device.name) does not know such commands, or the key is too large")
        case 403: throw CommandError(.noPermission, "\(device.name) takes no commands from this account: it is not a friend there, or its key is another")
        case 429: throw CommandError(.temporary, "\(device.name) has been given too many commands: try again in a minute")
        case 503: throw CommandError(.temporary, "\(device.name) is busy: try again")
        default: throw CommandError(.unavailable, "\(device.name) refused the command with status \(response.status)")
        }
        let identifier = head.identifier.hexadecimal.text, name = CommandAnswer.fileName(identifier)
        let answer = try desk.open(response.content, of: device.fingerprint, name).flatMap { file in
            file.document { (top) throws(JSONError) in try CommandAnswer(top, device: device.fingerprint) }
        }
        switch answer {
        case .success(let answer) where answer.identifier == identifier: return answer
        case .success: throw CommandError(.dataError, "the answer of \(device.name) is one to another command")
        case .failure(let problem): throw CommandError(.dataError, "the answer of \(device.name) is not believed: \(problem.reason)")
        }
    }

    private func document(_ head: CommandHead) -> [UInt8] {
        head.octets(type: kind.rawValue) { json in
            json.member("@type", "PublicKey")
            json.member("identifier", fingerprint.description)
            json.member("text", key.map { Base64Text.text($0.octets) })
        }
    }
}

/// Octets as text (RFC 4648, section 4).
enum Base64Text {
    static func text(_ octets: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: octets.count, by: 3) {
            let group = octets[start..<min(start + 3, octets.count)]
            var bits: UInt32 = 0
            for octet in group { bits = bits << 8 | UInt32(octet) }
            bits <<= UInt32(8 * (3 - group.count))
            for index in 0..<4 { text.append(index <= group.count ? digits[Int(bits >> UInt32(18 - 6 * index) & 63)] : 0x3D) }
        }
        return text.text
    }
}

extension Desk {
    /// The key in a file, armored or binary.
    package func ownersKey(file path: String) throws(CommandError) -> OwnersKey {
        let file: [UInt8]
        do throws(SystemError) { file = try Files.read(path, limit: Bounds.keyFileSize) } catch { throw CommandError("cannot read the key file", error) }
        let gnuPG = session.gnuPG
        do throws(GnuPGError) {
            let keys = try gnuPG.wait { gnuPG.describeKeys(in: file, completion: $0) }
            if keys.contains(where: { $0.isSecret }) { throw .unsupported }
            guard keys.count == 1, let key = keys.first else { throw .damaged }
            // gpg gives back what belongs to a public key, binary; its keyring is this command's own.
            _ = try gnuPG.wait { gnuPG.importKeys(file, completion: $0) }
            let octets = try gnuPG.wait { gnuPG.exportPublicKey(key.fingerprint, completion: $0) }
            return OwnersKey(fingerprint: key.fingerprint, name: key.userID.text, octets: octets)
        } catch {
            switch error {
            case .unsupported: throw CommandError(.dataError, "\(printable(path)) holds a SECRET key: ask for the public key, and tell its owner")
            case .damaged, .engine: throw CommandError(.dataError, "\(printable(path)) does not hold exactly one OpenPGP public key (version 4)")
            default: throw CommandError(error)
            }
        }
    }

    /// Who may command a device, as it says itself, after asking it anew.
    package func controllers(of device: KnownDevice) throws(CommandError) -> [Fingerprint] {
        try refresh([device])
        let name = ControllerListDocument.fileName.text
        let list = try open(device.fingerprint, name).flatMap { file in
            file.document { (top) throws(JSONError) -> [Fingerprint] in
                try top.demand("device", device.fingerprint)
                try top.demand("@id", device.fingerprint, file: name)
                let array = try top.required("controller").array()
                var list: [Fingerprint] = []
                for index in 0..<array.count { if let one = try array[index]?.string(), let fingerprint = Fingerprint(hexadecimal: one.dropFirst(4)) { list.append(fingerprint) } }
                return list
            }
        }
        switch list {
        case .success(let list): return list
        case .failure(let problem):
            throw CommandError(.dataError, "\(device.name) does not tell who may command it (\(problem.reason)): only its controllers are told, and what it says is kept when it is followed")
        }
    }

    /// A line each: fingerprint and, when it is somebody known here, the name.
    package func list(controllers: [Fingerprint], json isJSON: Bool) -> [UInt8] {
        var json = JSONWriter(), text: [UInt8] = []
        json.beginArray()
        for fingerprint in controllers {
            let name = fingerprint == own ? "you" : friends.friend(fingerprint)?.name
            json.beginObject()
            json.member("fingerprint", fingerprint.description)
            json.member("name", name)
            json.endObject()
            text += fingerprint.hexadecimal + printable(name.map { "  \($0)" } ?? "") + [0x0A]
        }
        json.endArray()
        return isJSON ? json.bytes + [0x0A] : text
    }
}
