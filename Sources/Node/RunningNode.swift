import Account
import Bluetooth
import Board
import CLinux
import Commands
import Content
import EventLoop
import GnuPG
import OpenPGP
import Readings
import Server
import System
import TLS

/// A node while it runs: what it is made of, in the order it is started. It ends in the reverse order.
final class RunningNode {
    var board: Board
    let boardFile: String
    let root: String
    let home: WorkingDirectory
    let account: UnlockedAccount
    let loop: EventLoop
    let worker: Worker
    let clock: NodeClock
    let gnuPG: GnuPG
    let store: Store
    let friends: Friends
    let rights: FriendRights
    let backend: NodeBackend
    var publisher: ReadingsPublisher
    var publications: Publications
    var sampler: SensorSampler
    var actuators: ActuatorBank
    var control: Control
    /// Whether the node waits for an owner.
    let claim: Claim
    private let controllers: ControllerList
    let server: Server
    let listener: Listener
    let address: ListenAddress
    /// TLS; nil when the identity's key is of a kind that TLS cannot use.
    let secure: SecureListener?
    /// Friends' files; nil without TLS, which tells who a friend is.
    let following: Following?
    /// Nil when it is not wanted.
    let bluetooth: BluetoothSide?
    let manager: ServiceManager
    let started: Int64
    let state: String
    private let rootLock: FileDescriptor
    private let stateLock: FileDescriptor
    private var statusSocket: StatusSocket?
    private var friendsWatch: FriendsWatch?
    private var clockWatch: ClockWatch?
    lazy var discipline = ClockDiscipline(clock: clock, loop: loop, worker: worker) { [unowned(unsafe) self] in clockBelieved(from: $0) }
    private var ending: Timer?
    private var signals: Int32 = -1
    private var isEnding = false
    private var arePublished = false
    private lazy var reload = Reload(self, path: boardFile)
    private var servesFriends = false
    private var served: Int64 = 0
    private var failure: CommandError?

    /// Prepares everything up to the listener; requests are answered once `run()` is called.
    init(_ options: RunOptions) throws(CommandError) {
        maud_tune_heap()
        maud_tell_of_crashes()
        var board: Board
        do throws(BoardError) { board = try Board.load(path: options.boardFile) } catch { throw CommandError(error.exitCode, error.description) }
        (root, state, address, boardFile) = (options.root, options.state, options.http, options.boardFile)
        rootLock = try DirectoryLock.take(root, "the Mau directory")
        try DirectoryLock.checkWritable(root)
        try StateDirectory.create(state)
        stateLock = try DirectoryLock.take(state, "the state directory")
        let system = SystemClock()
        started = system.sinceBoot
        let signingKey: SigningKey
        do throws(SystemError) { signingKey = try SigningKey() } catch { throw CommandError("cannot lock memory for the key", error) }
        let unlocked = try UnlockedHome(root: root, passphraseFile: options.passphraseFile, runtime: options.runtime, signingKey: signingKey)
        (home, account, clock) = (unlocked.directory, unlocked.account, unlocked.clock(system))
        (signals, loop, worker) = try RunningNode.loop(system)
        board.leaveOutAbsentSensors(loop: loop)
        self.board = board
        gnuPG = try unlocked.gnuPG(loop: loop, clock: clock)
        maud_keys_tidy(root)
        store = try RunningNode.store(options, board, own: account.fingerprint, loop: loop, worker: worker, clock: clock)
        friends = Friends(MauDirectory(root), gnupg: gnuPG, owner: account.fingerprint)
        rights = FriendRights(friends: friends, account: account)
        backend = NodeBackend(clock: clock, store: store, gnuPG: gnuPG, friends: friends, account: account.fingerprint, loop: loop)
        publisher = ReadingsPublisher(board: board, fingerprint: account.fingerprint, bootID: RunningNode.bootID(), backend: backend, loop: loop)
        publications = Publications(board: board, fingerprint: account.fingerprint, backend: backend)
        sampler = RunningNode.sampler(board, loop: loop, worker: worker, clock: clock, system: system, publisher: publisher)
        actuators = ActuatorBank(actuators: board.actuators, loop: loop, worker: worker)
        claim = Claim(ClaimFiles(root: root, file: options.claimFile), node: account.fingerprint, worker: worker, isPossible: signingKey.isSet)
        control = RunningNode.control(board, account, backend, worker, actuators, claim, loop)
        controllers = ControllerList(backend: backend, device: account.fingerprint)
        server = Server(store: store, clock: clock, loop: loop)
        server.receiver = control
        listener = try address.listen(server: server, loop: loop)
        server.rights = rights
        secure = try SecureListener(options, key: signingKey, server: server, loop: loop)
        following = Following.make(options, secure, board: board, store: store, friends: friends, gnuPG: gnuPG, loop: loop, clock: clock)
        bluetooth = BluetoothSide(options, board.bluetooth, fingerprint: account.fingerprint, secure: secure, server: server, loop: loop)
        manager = ServiceManager(loop: loop)
    }

    /// What everything waits on.
    private static func loop(_ clock: SystemClock) throws(CommandError) -> (signals: Int32, EventLoop, Worker) {
        do throws(SystemError) {
            let signals = try check(maud_signals(), "sigaction")
            let loop = try EventLoop(clock: clock)
            return (signals, loop, try Worker(loop: loop))
        } catch { throw CommandError("cannot start", error) }
    }

    /// The Mau directory, with as many versions as board.json says.
    private static func store(_ options: RunOptions, _ board: Board, own: Fingerprint, loop: EventLoop, worker: Worker, clock: NodeClock) throws(CommandError) -> Store {
        do throws(ContentError) {
            return try Store(root: options.root, state: options.state, own: own, loop: loop, worker: worker, clock: clock, limits: limits(board))
        } catch { throw CommandError(error.exitCode, "cannot open the Mau directory: \(error.description)") }
    }

    /// Serves until SIGTERM or SIGINT, then publishes what is pending and ends.
    func run() throws(CommandError) {
        do throws(SystemError) {
            try loop.add(signals, .read) { [unowned(unsafe) self] _ in signalled() }
            clockWatch = try ClockWatch(loop: loop) { [unowned(unsafe) self] in clockChanged() }
            friendsWatch = try FriendsWatch(path: root + "/.mau", loop: loop) { [unowned(unsafe) self] in backend.loadFriends() }
            statusSocket = try StatusSocket(state: state, loop: loop) { [unowned(unsafe) self] in report() }
        } catch { throw CommandError("cannot start", error) }
        actuators.start()
        control.watch(store)
        do throws(ContentError) { try store.start { [unowned(unsafe) self] in ready() } } catch {
            throw CommandError(error.exitCode, "cannot read the Mau directory: \(error.description)")
        }
        do throws(SystemError) { try loop.run() } catch { throw CommandError("the event loop failed", error) }
        end()
        if let failure { throw failure }
    }

    /// Nanoseconds since 1970. A file from beyond the next 30 years is somebody's mistake and must not stop the clock.
    static var latestBelievableTime: Int64 { (maud_build_time() + 30 * 365 * 86_400) * nanosecondsPerSecond }

    /// It has said what it is, and takes commands.
    var isPublishing: Bool { arePublished && control.hasStarted }

    // MARK: Events

    /// The index stands: what it lists is served, and the node begins to publish.
    private func ready() {
        if let own = store.directory(account.fingerprint) {
            let times = own.latestTimes(before: RunningNode.latestBelievableTime)
            clock.resume(latest: times.published, passed: times.passed)
            discipline.examine()
        }
        do throws(SystemError) { try listener.start() } catch { return fail(error) }
        served = loop.now
        // A node that has run before has published what it is, and had a ledger.
        control.isFirst = backend.entry(Array("device.json.pgp")) == nil
        publications.publish { [unowned(unsafe) self] in
            arePublished = true
            announce()
        }
        backend.friendsLoaded = { [unowned(unsafe) self] in friendsLoaded() }
        backend.loadFriends()
        sayWhetherClaimable()
        claim.ended = { [unowned(unsafe) self] in sayWhetherClaimable() }
        following?.start()
        store.restamped = { [unowned(unsafe) self] in publisher.clockChanged() }
        publisher.start()
        sampler.start()
        manager.ready()
    }

    private func sayWhetherClaimable() {
        following?.isClaimable = claim.isClaimable
        bluetooth?.peripheral.isClaimable = claim.isClaimable
    }

    /// Connections over TLS, and over Bluetooth, which may be such, wait until it is known who is a friend: a friend's node that was told less
    /// meanwhile would not ask for the rest, which is older than its visit.
    private func serveFriends() {
        guard !servesFriends, !isEnding else { return }
        servesFriends = true
        bluetooth?.peripheral.start()
        do throws(SystemError) { try secure?.listener.start() } catch { return fail(error) }
        announce()
    }

    /// Commands can be judged, and answered, once the friends are known.
    private func friendsLoaded() {
        serveFriends()
        publisher.friendsAreLoaded()
        following?.friendsLoaded()
        claim.friendsLoaded(gnuPG)
        controllers.publish()
        guard !control.hasStarted else { return }
        do throws(SystemError) { try control.start(state: state, worker: worker) } catch { return fail(error) }
        announce()
    }

    /// What the node says of itself is up to date, and it takes commands: whoever waits for us may come.
    private func announce() {
        guard isPublishing, servesFriends else { return }
        let https: Message = if let secure { " https=\(secure.description)" } else { "" }
        Output.standardOutput("ready fingerprint=\(account.fingerprint.hexadecimal) http=\(address.description(port: Int(listener.port)))\(https)\n")
        if claim.isClaimable, maud_is_terminal(1) { Output.standardOutput("No owner yet: mau claim '\(claim.files.uri)'\n") }
        var log = Log("ready")
        log.field("fingerprint", octets: account.fingerprint.hexadecimal)
        log.field("files", store.totals.files)
        log.field("derivation_ms", account.derivationMilliseconds)
        log.field("start_ms", Int((served - started) / 1_000_000))
        log.write()
        maud_trim_heap()
    }

    /// The kernel would not let us wait for connections: there is nothing left to run for.
    func fail(_ error: SystemError) {
        failure = CommandError("cannot serve", error)
        loop.stop()
    }

    /// SIGTERM and SIGINT end the node in order; a second one ends it at once. SIGHUP: board.json is read again.
    private func signalled() {
        var octets: [UInt8] = [0, 0, 0, 0]
        let count = octets.withUnsafeMutableBytes { maud_read(signals, $0.baseAddress, $0.count) }
        for octet in octets.prefix(max(0, Int(count))) {
            if octet == 1 {
                if !isEnding { reload.begin() }
                continue
            }
            if isEnding { return loop.stop() }
            beginEnding()
        }
    }

    /// No more requests and readings, every actuator to its safe state; responses on their way are sent (`Server.finish`), what was
    /// read is published, for five seconds at most.
    private func beginEnding() {
        isEnding = true
        reload.cancel()
        manager.stopping()
        listener.close()
        secure?.close()
        following?.stop()
        bluetooth?.peripheral.finish()
        server.finish()
        sampler.stop()
        publisher.flush()
        control.stop()
        actuators.stop()
        let deadline = loop.now + 5 * nanosecondsPerSecond
        let timer = Timer { [unowned(unsafe) self] in
            let isIdle = publisher.isIdle && actuators.isIdle && control.isIdle && server.openConnections == 0
            if isIdle || loop.now >= deadline { return loop.stop() }
            if let ending { loop.schedule(ending, after: 20_000_000) }
        }
        ending = timer
        loop.schedule(timer, after: 0)
    }

    private func end() {
        server.close()
        bluetooth?.peripheral.close()
        statusSocket?.close()
        friendsWatch?.close()
        clockWatch?.close()
        discipline.close()
        actuators.close()
        following?.save()
        store.stop()
        try? worker.stop()
        home.remove()
        var log = Log("ended")
        log.field("batches", publisher.counters.batches)
        log.write()
    }

    /// The kernel's name for this boot: 36 octets.
    static func bootID() -> [UInt8] {
        let text = (try? Files.read("/proc/sys/kernel/random/boot_id", limit: 64)) ?? []
        return Array(text.prefix(36))
    }
}
