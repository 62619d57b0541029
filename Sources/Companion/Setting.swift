import Content
import GnuPG
import JSON
import Node
import OpenPGP
import Peer
import System

/// What came of a command.
package struct SettingOutcome {
    package enum Carrier: String {
        /// The device took it by PUT and answered.
        case put
        /// It was published here, and the device fetched it.
        case file
    }

    package let device: KnownDevice
    package let actuator: ActuatorDescription
    package let command: CommandDocument
    package let carrier: Carrier
    /// Verified; nil: there is none yet.
    package let answer: CommandAnswer?
}

/// Sets an actuator: a signed and encrypted command to the device, by PUT or, when it cannot be reached, by a file that it fetches.
package struct Setting {
    let desk: Desk
    let device: KnownDevice
    let actuator: ActuatorDescription
    let value: Decimal
    /// Seconds to wait for an answer that comes as a file.
    let patience: Double

    package init(_ desk: Desk, device: KnownDevice, actuator: ActuatorDescription, value: Decimal, patience: Double) {
        self.desk = desk
        self.device = device
        self.actuator = actuator
        self.value = value
        self.patience = patience
    }

    package func run() throws(CommandError) -> SettingOutcome {
        switch try desk.network().connect(device.fingerprint) {
        case .success(let connection):
            defer { connection.close() }
            return try put(on: connection)
        case .failure(let problem) where desk.place.usesBluetooth:
            // Who stands beside it wants it now or not at all.
            throw CommandError(.unavailable, "\(device.name) cannot be reached: \(problem.reason)")
        case .failure(let problem):
            Desk.note("\(device.name) cannot be reached (\(problem.reason)): the command waits in your directory for it to come and fetch it")
            return try publish()
        }
    }

    /// The command, of this moment, and its file for the device.
    private func make(challenge: [UInt8]? = nil) throws(CommandError) -> (CommandDocument, [UInt8]) {
        let command = CommandDocument(device: device.fingerprint, target: actuator.name, value: value, startTime: desk.session.clock.now / 1_000_000, challenge: challenge)
        let gnuPG = desk.session.gnuPG
        let signed = try desk.session.finish { (done: @escaping GnuPG.Completion<SignedMessage>) in gnuPG.sign(command.octets, recipients: [device.fingerprint], completion: done) }
        return (command, signed.octets)
    }

    // MARK: By PUT

    private func put(on connection: PeerConnection) throws(CommandError) -> SettingOutcome {
        let (command, file) = try make()
        let answer = try send(command, file, on: connection)
        guard CommandAnswer.isHelpedByChallenge(answer?.error) else { return outcome(command, .put, answer) }
        let network = try desk.network()
        guard let challenge = try network.challenge(on: connection, of: device.fingerprint) else { return outcome(command, .put, answer) }
        let (second, secondFile) = try make(challenge: challenge)
        return outcome(second, .put, try send(second, secondFile, on: connection))
    }

    private func outcome(_ command: CommandDocument, _ carrier: SettingOutcome.Carrier, _ answer: CommandAnswer?) -> SettingOutcome {
        SettingOutcome(device: device, actuator: actuator, command: command, carrier: carrier, answer: answer)
    }

    private func send(_ command: CommandDocument, _ file: [UInt8], on connection: PeerConnection) throws(CommandError) -> CommandAnswer? {
        let response: Response
        switch try desk.network().put(file, as: command.fileName, on: connection, of: device.fingerprint) {
        case .success(let received): response = received
        // It may have been carried out all the same: its answer would come with the device's files.
        case .failure(let error): throw CommandError(.temporary, "no answer came (\(error.description)), so the command may or may not have been carried out; see mau show \(device.name)")
        }
        switch response.status {
        case 200, 201, 422: break
        case 403: throw notTaken
        case 405: throw CommandError(.unavailable, "\(device.name) takes no commands: it has no actuators")
        case 429: throw CommandError(.temporary, "\(device.name) has been given too many commands: try again in a minute")
        case 503: throw CommandError(.temporary, "\(device.name) is busy: try again")
        default: throw CommandError(.unavailable, "\(device.name) refused the command with status \(response.status)")
        }
        if response.content.isEmpty || response.status == 422 && response.content.first ?? 0 < 0x80 { return try awaitAnswer(command) }
        return try read(response.content, for: command, keeps: true)
    }

    private var notTaken: CommandError {
        CommandError(.noPermission, "\(device.name) takes no commands from this account: it is not a friend there, or its key is another (on the device: maud friend add --group controllers)")
    }

    /// The answer in a file, which must be the device's own and to this command.
    private func read(_ message: [UInt8], for command: CommandDocument, keeps: Bool) throws(CommandError) -> CommandAnswer {
        let name = CommandAnswer.fileName(command.identifier.hexadecimal.text)
        let answer = try desk.open(message, of: device.fingerprint, name).flatMap { file in
            file.document { (top) throws(JSONError) in try CommandAnswer(top, device: device.fingerprint) }
        }
        switch answer {
        // A device that has just forgotten us cannot write to us any more.
        case .failure(let problem) where problem.isForOthers: throw notTaken
        case .failure(let problem): throw CommandError(.dataError, "the answer of \(device.name) is not believed: \(problem.reason)")
        case .success(let answer):
            guard answer.identifier == command.identifier.hexadecimal.text else { throw CommandError(.dataError, "the answer of \(device.name) is one to another command") }
            // What the next visit would bring; when it cannot be kept now, that does.
            if keeps, device.isFollowed, let name = try? FileName(name) {
                _ = try? ContentFile.write(root: desk.place.root, own: device.fingerprint, name: name, octets: message, exclusive: true, clock: desk.session.clock,
                                               limits: Visits.storeLimits)
            }
            return answer
        }
    }

    // MARK: By a file

    private func publish() throws(CommandError) -> SettingOutcome {
        let (command, file) = try make()
        guard let name = try? FileName(command.fileName) else { throw CommandError(.software, "\(command.fileName) is no file name") }
        do throws(ContentError) { _ = try ContentFile.write(root: desk.place.root, own: desk.own, name: name, octets: file, exclusive: true, clock: desk.session.clock) } catch {
            throw CommandError(error)
        }
        return outcome(command, .file, try awaitAnswer(command))
    }

    /// Waits for the answer among the device's files: another program may fetch it (a node on this machine), or a visit brings it.
    private func awaitAnswer(_ command: CommandDocument) throws(CommandError) -> CommandAnswer? {
        let name = CommandAnswer.fileName(command.identifier.hexadecimal.text)
        let end = desk.loop.now + Int64(patience * 1e9)
        while true {
            let path = desk.directory(of: device.fingerprint) + "/" + name
            if let message = try? Files.read(path, limit: Bounds.documentSize) { return try read(message, for: command, keeps: false) }
            if desk.loop.now >= end { return nil }
            if device.isFollowed, try !desk.network().addresses(of: device.fingerprint).isEmpty { _ = try desk.network().visit(device.fingerprint) }
            try desk.turn(atMost: 0.5) { false }
        }
    }
}
