import Board
import EventLoop
import OpenPGP
import Readings
import System
import Vocabulary

/// What became of a command file.
public enum CommandResult {
    /// It was carried out; whether the file was stored, and the signed answer (nil when that could not be written yet).
    case carriedOut(isStored: Bool, answer: [UInt8]?)
    /// It was judged and refused, or its actuator failed.
    case failed(answer: [UInt8]?)
    /// It is known already: the answer of then.
    case repeated(answer: [UInt8]?)
    /// It is not from the friend it is said to be from, or not encrypted to the device alone.
    case unacceptable
    /// It is from that friend, but no command.
    case malformed
    /// There is another file of that name, or the identifier is somebody else's.
    case conflict
    /// Not now.
    case busy
    /// Too many from strangers: after so many seconds.
    case later(Int)
}

/// Takes command files, has them verified, judges them, and carries them out: each at most once, whatever happens (docs/commands.md).
public final class Commander {
    public var counters = CommandCounters()

    let backend: any CommandBackend
    let bootID: [UInt8]
    let device: Fingerprint
    private let control: any ActuatorControl
    let judge: CommandJudge
    private let gate = CommandGate()
    private(set) var challenges = Challenges()
    /// Nil until `start`.
    var ledger: Ledger?
    let log: CommandLog
    public let states: StatePublisher
    /// Commands between their arrival and their answer.
    private var underWay = 0
    private(set) var isStopping = false
    /// Changes of controllers and keys come one after the other: what one is judged by must not change meanwhile.
    var isChanging = false
    var changesWaiting: [() -> Void] = []
    var isSettling = false
    var answers = 0
    private let loop: EventLoop
    /// Until when the clock had been, and who waits for that to be on the disk (`clockWentBack`).
    var wentBack: (from: Int64, done: () -> Void)?
    private(set) lazy var retry = Timer { [unowned(unsafe) self] in tryAgain() }

    /// - Parameter bootID: the kernel's boot id, 36 octets of text.
    public init(board: Board, device: Fingerprint, bootID: [UInt8], backend: any CommandBackend, control: any ActuatorControl, loop: EventLoop) {
        self.backend = backend
        self.bootID = bootID
        self.device = device
        self.control = control
        self.loop = loop
        judge = CommandJudge(device: device, actuators: board.actuators, window: Int64(board.commandWindow) * 1000)
        log = CommandLog(device: device, backend: backend)
        states = StatePublisher(actuators: board.actuators, device: device, bootID: bootID, backend: backend)
        log.hasFailed = { [unowned(unsafe) self] in retryLater() }
        states.hasFailed = { [unowned(unsafe) self] in retryLater() }
    }

    /// Nothing is under way or waits to be published.
    public var isIdle: Bool { underWay == 0 && !isChanging && log.isIdle && states.isIdle && !isSettling && wentBack == nil }

    /// Commands that the ledger remembers now.
    public var remembered: Int { ledger?.count ?? 0 }

    /// Takes no more commands; those that were begun end.
    public func stop() {
        isStopping = true
        loop.cancel(retry)
    }

    // MARK: Coming in

    /// A place for one PUT.
    public func enter(isProven: Bool) -> (place: CommandPlace?, retryAfter: Int) {
        guard ledger != nil, !isStopping else { return (nil, 0) }
        switch gate.enter(isProven: isProven, now: backend.clock.sinceBoot) {
        case .place(let place): return (place, 0)
        case .busy:
            turnAway()
            return (nil, 0)
        case .later(let seconds):
            turnAway()
            return (nil, seconds)
        }
    }

    /// A new challenge, 16 octets.
    public func challenge() -> [UInt8]? { challenges.make(sinceBoot: backend.clock.sinceBoot)?.octets }

    /// Takes a command file that is said to be from `sender`.
    ///
    /// - Parameters:
    ///   - name: what to store it as, a checked file name; nil for a file that lies there already.
    ///   - place: of a PUT; nil for a file that came by itself.
    ///   - completion: called once.
    public func receive(_ message: [UInt8], from sender: Fingerprint, name: [UInt8]?, place: CommandPlace?, completion: @escaping (CommandResult) -> Void) {
        guard ledger != nil, !isStopping, underWay <= Bounds.commandsAtOnce else { return completion(.busy) }
        guard let keys = backend.keyIDs(ofFriend: sender), CommandMessage.isAcceptable(message, own: backend.ownKeyIDs, sender: keys) else {
            refuse()
            return completion(.unacceptable)
        }
        if !(place?.isProven ?? backend.isController(sender)), !gate.start(now: backend.clock.sinceBoot) {
            turnAway()
            return completion(.later(gate.seconds(backend.clock.sinceBoot) ?? 1))
        }
        underWay += 1
        let file = CommandFile(sender: sender, name: name, message: message) { [unowned(unsafe) self] result in
            underWay -= 1
            completion(result)
        }
        backend.open(message) { [unowned(unsafe) self] result in
            if case .failure(.endless) = result, let place, !place.isProven { gate.close(now: backend.clock.sinceBoot) }
            opened(result, file)
        }
    }

    private func opened(_ result: Result<OpenedCommand, OpeningFailure>, _ file: CommandFile) {
        switch result {
        case .failure(.busy): file.done(.busy)
        case .success(let opened) where opened.signer == file.sender:
            guard let command = try? Command(opened.content) else {
                refuse()
                return file.done(.malformed)
            }
            if command.kind == .set { return decide(command, opened.signatureTime, file) }
            inTurn { [unowned(unsafe) self] in decide(command, opened.signatureTime, inTurn(file)) }
        default:
            refuse()
            file.done(.unacceptable)
        }
    }

    // MARK: Deciding

    private func decide(_ command: Command, _ signatureTime: Int64, _ file: CommandFile) {
        guard let ledger, !isStopping else { return file.done(.busy) }
        let clock = backend.clock, file = keepingChallenge(of: command, file)
        clockChanged()
        if clock.state == .set { ledger.drop(before: clock.now / 1_000_000) }
        if let result = known(command, file.sender, ledger) { return file.done(result) }
        let sender = CommandJudge.Sender(fingerprint: file.sender, isController: backend.isController(file.sender), signatureTime: signatureTime)
        switch judge.judge(command, from: sender, clock: clock, ledger: ledger, challenges: &challenges) {
        case .failure(let error): refuse(command, error, ledger, file)
        case .success(let verdict):
            if let name = file.name, backend.hasFile(name, of: file.sender) { return file.done(.conflict) }
            switch verdict {
            case .changeControllers: change(command, ledger, file)
            case .set(let setting):
                begin(record(command, file.sender, .begun, nil), ledger, file) { [unowned(unsafe) self] done in
                    control.set(setting.actuator, to: setting.value) { done($0 ? nil : .actuatorFailed) }
                } after: { [unowned(unsafe) self] in states.publish(setting.actuator) }
            }
        }
    }

    /// What a command gets that was judged before, or is being carried out.
    func known(_ command: Command, _ sender: Fingerprint, _ ledger: Ledger) -> CommandResult? {
        let known = ledger.record(command.identifier), answer = command.identifier.answerName
        if let known {
            if known.outcome.controller != sender { return .conflict }
            // Its answer is on its way: whoever asks again gets it.
            if known.state == .begun || !known.isAnswered { return .busy }
        } else {
            guard backend.file(answer) != nil else { return nil }
            // When its record is gone, the answer tells whose command it was: it is encrypted to nobody else.
            if !backend.isFile(answer, for: sender) { return .conflict }
        }
        counters.repeated += 1
        return .repeated(answer: backend.message(answer))
    }

    func refuse(_ command: Command, _ error: CommandFault, _ ledger: Ledger, _ file: CommandFile) {
        let record = record(command, file.sender, .ended, error)
        guard ledger.add(record) else { return file.done(.busy) }
        ledger.save { [unowned(unsafe) self] error in ended(record, error, file, isStored: false) }
    }

    /// What was not judged may come again as it is: then its challenge is good again.
    private func keepingChallenge(of command: Command, _ file: CommandFile) -> CommandFile {
        guard let challenge = command.challenge, challenges.issued(challenge, sinceBoot: backend.clock.sinceBoot) != nil else { return file }
        return CommandFile(sender: file.sender, name: file.name, message: file.message) { [unowned(unsafe) self] result in
            switch result {
            case .busy, .conflict: challenges.giveBack(challenge)
            default: break
            }
            file.done(result)
        }
    }

    func record(_ command: Command, _ sender: Fingerprint, _ state: LedgerRecord.State, _ error: CommandFault?) -> LedgerRecord {
        let clock = backend.clock
        let outcome = CommandOutcome(
            identifier: command.identifier, controller: sender, kind: command.kind, target: command.device == device ? command.target : [], value: command.value,
            startTime: command.startTime, error: error, endTime: clock.state == .set ? clock.now : nil, sinceBoot: clock.sinceBoot, bootID: bootID)
        return LedgerRecord(outcome, state: state, keepUntil: max(command.startTime, clock.now / 1_000_000) + judge.window)
    }

    // MARK: Carrying out

    /// The record goes to the disk, and only then the actuator moves (or whatever `action` does). `after` is called at the end, however it was.
    func begin(_ record: LedgerRecord, _ ledger: Ledger, _ file: CommandFile, _ action: @escaping (@escaping (CommandFault?) -> Void) -> Void, after: @escaping () -> Void) {
        // After the answer, for which someone waits: gpg does one thing at a time.
        let file = CommandFile(sender: file.sender, name: file.name, message: file.message) { result in
            file.done(result)
            after()
        }
        let outcome = record.outcome
        guard ledger.add(record) else { return file.done(.busy) }
        ledger.save { [unowned(unsafe) self] error in
            if let error {
                // Nothing has moved: the same command may come again.
                ledger.remove(outcome.identifier)
                notWritten("ledger", error.description)
                return file.done(.busy)
            }
            ledger.raise(outcome.controller, outcome.order, to: outcome.startTime)
            action { [unowned(unsafe) self] fault in
                var record = self.record(record, ended: fault)
                record.state = .ended
                ledger.change(outcome.identifier) { $0 = record }
                ledger.save { [unowned(unsafe) self] error in store(record, error, file) }
            }
        }
    }

    /// The same with what came of it, now.
    func record(_ record: LedgerRecord, ended error: CommandFault?) -> LedgerRecord {
        let old = record.outcome, clock = backend.clock
        let outcome = CommandOutcome(
            identifier: old.identifier, controller: old.controller, kind: old.kind, target: old.target, value: old.value, startTime: old.startTime, error: error,
            endTime: clock.state == .set ? clock.now : nil, sinceBoot: clock.sinceBoot, bootID: bootID)
        return LedgerRecord(outcome, state: .ended, keepUntil: record.keepUntil)
    }

    private func store(_ record: LedgerRecord, _ error: SystemError?, _ file: CommandFile) {
        guard let name = file.name else { return ended(record, error, file, isStored: true) }
        backend.storeFile(name, file.message, of: file.sender) { [unowned(unsafe) self] isStored in
            if !isStored { counters.writeFailures += 1 }
            ended(record, error, file, isStored: isStored)
        }
    }

    /// Answers. A ledger that could not be written afterwards says "begun" after a power cut, which is the careful side.
    private func ended(_ record: LedgerRecord, _ error: SystemError?, _ file: CommandFile, isStored: Bool) {
        if let error { notWritten("ledger", error.description) }
        let failed = record.outcome.error != nil
        counters.count(record.outcome)
        publishAnswer(record.outcome) { [unowned(unsafe) self] answer in
            file.done(failed ? .failed(answer: answer) : .carriedOut(isStored: isStored, answer: answer))
            let isInLog = logged(record.outcome)
            if answer == nil || !isInLog { retryLater() }
        }
    }

    func notWritten(_ what: StaticString, _ reason: Message) {
        counters.writeFailures += 1
        var line = Log("command-not-written")
        line.field("what", "\(what)" as Message)
        line.field("reason", reason)
        line.write()
    }

    /// What could not be written is tried again half a minute later.
    func retryLater() {
        if !retry.isScheduled, !isStopping { loop.schedule(retry, after: 30 * nanosecondsPerSecond) }
    }
}

/// A command file on its way through.
final class CommandFile {
    let sender: Fingerprint
    let name: [UInt8]?
    let message: [UInt8]
    let done: (CommandResult) -> Void

    init(sender: Fingerprint, name: [UInt8]?, message: [UInt8], done: @escaping (CommandResult) -> Void) {
        self.sender = sender
        self.name = name
        self.message = message
        self.done = done
    }
}
