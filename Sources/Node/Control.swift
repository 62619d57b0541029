import Account
import Board
import CLinux
import Commands
import Content
import EventLoop
import HTTP
import OpenPGP
import Server
import System

/// Commands in a running node: from the server and from friends' directories to the commander, from there to the actuators.
final class Control: FileReceiver {
    let commander: Commander
    private let backend: CommandStore
    private let link: ActuatorLink
    private(set) var hasStarted = false
    private let claim: Claim
    /// The node has never run before.
    var isFirst = false
    /// Command files in the directories of friends: judged one after the other, in the order of their modification times.
    var waiting: [(directory: Fingerprint, name: [UInt8], time: Int64)] = []
    private var isTaking = false
    private unowned(unsafe) var store: Store?
    private let loop: EventLoop
    private lazy var retry = Timer { [unowned(unsafe) self] in takeNext() }
    private static let retrySeconds: Int64 = 5

    init(board: Board, account: UnlockedAccount, bootID: [UInt8], backend: CommandStore, actuators: ActuatorBank, claim: Claim, loop: EventLoop) {
        self.backend = backend
        self.loop = loop
        self.claim = claim
        link = ActuatorLink(actuators)
        commander = Commander(board: board, device: account.fingerprint, bootID: bootID, backend: backend, control: link, loop: loop)
        commander.states.value = { actuators.value($0) }
        actuators.changed = { [unowned(unsafe) commander] in commander.states.publish($0) }
    }

    /// Begins to take commands; the index of the own directory is complete, and the friends are known.
    func start(state: String, worker: Worker) throws(SystemError) {
        commander.start(ledger: try LedgerFile(state: state, worker: worker), isFirst: isFirst)
        hasStarted = true
        commander.states.publishAgain()
        takeNext()
    }

    func stop() {
        waiting = []
        loop.cancel(retry)
        commander.stop()
    }
    func clockChanged() { commander.clockChanged() }
    var isIdle: Bool { commander.isIdle }

    // MARK: Files that come by themselves

    /// Looks at what comes into the directories of friends, by sync or by another program's hand: commands, which
    /// are named `c-....json.pgp`, and friends' own public keys.
    func watch(_ store: Store) {
        self.store = store
        store.arrived = { [unowned(unsafe) self] directory, name, entry in
            let isCommand = !entry.isPublic && FriendDirectories.isCommand(name)
            guard isCommand ? entry.size <= Int64(Bounds.commandFile) : entry.isPublic && name == Store.keyFileName && entry.size <= Int64(Bounds.publishedKey),
                  !backend.hasStored(name, of: directory.fingerprint) else { return }
            guard waiting.count < Bounds.commandsWaiting else { return commander.turnAway() }
            // The first is being judged, or is next.
            let later = waiting.indices.dropFirst(isTaking ? 1 : 0).first { waiting[$0].time > entry.modificationTime }
            waiting.insert((directory.fingerprint, name, entry.modificationTime), at: later ?? waiting.count)
            takeNext()
        }
    }

    /// The next of them. When it cannot be judged now, it is tried again later.
    private func takeNext() {
        guard hasStarted, !isTaking, let (friend, name, _) = waiting.first else { return }
        guard let message = message(name, of: friend) else {
            waiting.removeFirst()
            return takeNext()
        }
        isTaking = true
        let taken: (CommandResult) -> Void = { [unowned(unsafe) self] result in
            isTaking = false
            // Stopped meanwhile.
            if waiting.isEmpty { return }
            if case .busy = result { return loop.schedule(retry, after: Control.retrySeconds * nanosecondsPerSecond) }
            waiting.removeFirst()
            takeNext()
        }
        if name == Store.keyFileName { takeOver(key: message, of: friend, taken) } else { commander.receive(message, from: friend, name: nil, place: nil, completion: taken) }
    }

    /// The key that a friend published, when it is the friend who signed it.
    private func takeOver(key message: [UInt8], of friend: Fingerprint, _ taken: @escaping (CommandResult) -> Void) {
        backend.open(key: message, of: friend) { [unowned(unsafe) self] result in
            switch result {
            case .success(let opened): commander.receive(key: opened.content, of: friend, signed: opened.signatureTime, completion: taken)
            // It comes only once: what gpg cannot look at now must be looked at later.
            case .failure(.busy): taken(.busy)
            case .failure: taken(.unacceptable)
            }
        }
    }

    private func message(_ name: [UInt8], of friend: Fingerprint) -> [UInt8]? {
        guard let directory = store?.directory(friend), let entry = name.withUnsafeBytes({ directory.entry($0) }), let file = directory.openFile(entry) else { return nil }
        return try? file.readToEnd(limit: Bounds.publishedKey)
    }

    // MARK: Files that are PUT

    func challenge() -> [UInt8]? { hasStarted ? commander.challenge() : nil }

    func admit(peer: Fingerprint?) -> UploadAdmission {
        let (place, seconds) = commander.enter(isProven: peer.map { backend.isController($0) } ?? false)
        if let place { return .place(place) }
        return seconds > 0 ? .later(seconds) : .busy
    }

    func receive(_ file: [UInt8], for directory: Fingerprint, name: [UInt8], place: AnyObject, done: @escaping (UploadResult) -> Void) {
        let place = unsafeDowncast(place, to: CommandPlace.self)
        commander.receive(file, from: directory, name: name, place: place) { result in
            withExtendedLifetime(place) { done(Control.answer(result)) }
        }
    }

    func judge(claim attempt: [UInt8], by peer: Fingerprint?) -> ClaimAnswer {
        claim.judge(attempt, by: peer, now: loop.now) { commander.isFresh(challenge: $0) }
    }

    func receive(key: [UInt8], of claimer: Fingerprint, done: @escaping (UploadResult) -> Void) {
        claim.take(key, of: claimer, commander) { done(Control.answer($0)) }
    }

    private static func answer(_ result: CommandResult) -> UploadResult {
        switch result {
        case .carriedOut(let isStored, let answer): UploadResult(isStored ? .created : .ok, representation: answer)
        case .failed(let answer): UploadResult(.unprocessableContent, representation: answer)
        case .repeated(let answer): UploadResult(.ok, representation: answer)
        case .unacceptable: UploadResult(.forbidden)
        case .malformed: UploadResult(.badRequest)
        case .conflict: UploadResult(.conflict)
        case .busy: UploadResult(.serviceUnavailable)
        case .later(let seconds): UploadResult(.tooManyRequests, retryAfter: seconds)
        }
    }
}

/// The actuators of the board, for the commander.
final class ActuatorLink: ActuatorControl {
    private let actuators: ActuatorBank
    init(_ actuators: ActuatorBank) { self.actuators = actuators }
    func set(_ actuator: Int, to value: Int64, done: @escaping (Bool) -> Void) { actuators.set(actuator, to: value, done: done) }
}
