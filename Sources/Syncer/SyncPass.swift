import Content
import EventLoop
import OpenPGP
import Peer
import Streams
import System

/// One visit to a friend: find it, list its files page by page, fetch what is new or changed, oldest first.
///
/// One connection, one file arriving; up to `Bounds.syncFinishing` more are verified and stored meanwhile.
final class SyncPass {
    let friend: FollowedFriend
    unowned(unsafe) let syncer: Syncer
    let directory: Directory?
    private(set) var connection: PeerConnection?
    private var candidates: [PeerAddress] = []
    var address: PeerAddress?
    private var dialing: (any Dialing)?
    private var timer: Timer?
    private var deadline: Int64 = 0
    /// Responses of the present connection: one that brought none is not made again.
    var responses = 0
    private var lastError = PassFailure.noAddress
    var isOver = false

    // Listing
    var target: [UInt8] = []
    var ims: [UInt8] = []
    var nextPage: [UInt8]?
    var pages = 0
    var listed = 0
    var date: Int64?
    var isListed = false
    /// There was more than the queue takes.
    var isTruncated = false
    var clockWentBack = false
    var hadProgress = false
    var queue = EntryQueue()

    // Files
    private var transfer: FileTransfer?
    private var finishing: [FileTransfer] = []
    /// Files that could not be had now.
    private var incomplete: Message?
    /// Files that were listed and not had; each may have cost a connection.
    private var misses = 0
    private static let missLimit = 64
    /// Looks again for a file that another program receives; how often it has.
    private var waitingTimer: Timer?
    private var waits = 0
    private var isCleaned = false
    /// Something came that need not come again.
    var hasProgress = false

    init(_ friend: FollowedFriend, _ syncer: Syncer) {
        self.friend = friend
        self.syncer = syncer
        directory = syncer.store.directory(friend.fingerprint)
        timer = Timer { [unowned(unsafe) self] in timeIsUp() }
        waitingTimer = Timer { [unowned(unsafe) self] in proceed() }
    }

    func start() {
        deadline = syncer.loop.now + Int64(Bounds.syncPassSeconds) * nanosecondsPerSecond
        guard let directory, directory.isSettled else { return end(.incomplete("its directory is not read yet")) }
        prepareListing(directory)
        candidates = friend.candidates
        dialNext()
    }

    func stop() { end(.stopped) }

    func resume() { connection?.resume() }

    func end(_ failure: PassFailure?) {
        guard !isOver else { return }
        isOver = true
        for timer in [timer, waitingTimer] { if let timer { syncer.loop.cancel(timer) } }
        dialing?.cancel()
        dialing = nil
        noteOctets()
        transfer?.abandon()
        transfer = nil
        // What is being verified or stored ends by itself; nobody waits for it.
        for one in finishing { one.abandon() }
        finishing = []
        if failure == nil { friend.since = clockWentBack ? nil : date.map { $0 - 2 } ?? friend.since }
        syncer.ended(friend, failure, hasProgress: hasProgress)
    }

    private func timeIsUp() {
        if dialing != nil {
            dialing?.cancel()
            dialing = nil
            lastError = .peer(.tooSlow)
            return dialNext()
        }
        end(.tooLong)
    }

    private func noteOctets() {
        connection?.close()
        syncer.octetsReceived += connection?.octetsReceived ?? 0
        connection = nil
    }

    // MARK: The connection

    private func dialNext() {
        guard !candidates.isEmpty else { return end(lastError) }
        let candidate = candidates.removeFirst()
        if candidate.isNumeric { return dial(candidate) }
        syncer.resolver.resolve(candidate) { [self] found in
            guard !isOver else { return }
            if found.isEmpty { lastError = .peer(.noSuchHost) }
            candidates = found + candidates
            dialNext()
        }
    }

    private func dial(_ address: PeerAddress) {
        self.address = address
        if let timer { syncer.loop.schedule(timer, after: Int64(Bounds.dialSeconds) * nanosecondsPerSecond) }
        dialing = syncer.dialer.dial(friend.fingerprint, at: address) { [self] result in
            dialing = nil
            guard !isOver else { return }
            switch result {
            case .failure(let error):
                lastError = .peer(error)
                dialNext()
            case .success(let stream): connected(stream, address)
            }
        }
    }

    private func connected(_ stream: any Stream, _ address: PeerAddress) {
        if let timer { syncer.loop.schedule(timer, at: deadline) }
        noteOctets()
        friend.wasFound = true
        connection = PeerConnection(stream, buffer: syncer.buffer, loop: syncer.loop, clock: syncer.clock, rate: syncer.rate)
        responses = 0
        isListed ? proceed() : list()
    }

    /// The connection broke. One that had served is made again, at the same place; else the next address is tried, as long as no listing has come.
    func broken(_ error: PeerError) {
        guard !isOver else { return }
        lastError = .peer(error)
        noteOctets()
        if case .tooSlow = error { return end(lastError) }
        if responses > 0, let address { return dial(address) }
        isListed ? end(incomplete.map { .incomplete($0) } ?? lastError) : dialNext()
    }

    func get(_ target: [UInt8], fields: [UInt8], _ consumer: any ResponseConsumer) {
        guard let connection, connection.isUsable else {
            // The server has closed it: nothing is wrong with that.
            return consumer.responseEnds(.connection)
        }
        connection.get(target, host: friend.fingerprint.hexadecimal, fields: fields, consumer: consumer)
    }

    /// A connection that has served is worth making again.
    func noteResponseIfAny(_ error: PeerError?) { if error == nil { responses += 1 } }

    // MARK: Files

    /// Fetches the next file when there is room for it; then the next page; then the visit is over.
    func proceed() {
        guard !isOver, transfer == nil, dialing == nil else { return }
        guard misses <= SyncPass.missLimit else { return end(.incomplete(incomplete ?? "files that it lists are not there")) }
        if directory?.isForgotten ?? true { return end(.stopped) }
        while let next = queue.first {
            // The same content may be listed under two names, and a name twice.
            guard finishing.count < Bounds.syncFinishing, !finishing.contains(where: { $0.sum == next.sum }) else { return }
            let problem = directory?.knownSum(of: next.name) == next.sum ? nil : obstacle(next.size)
            if problem == nil, directory?.knownSum(of: next.name) != next.sum {
                guard connection?.isUsable ?? false else { return broken(.connection) }
                transfer = FileTransfer(next.name, size: next.size, sum: next.sum, pass: self)
                transfer?.start()
                return
            }
            if let problem { incomplete = problem }
            queue.removeFirst()
        }
        guard finishing.isEmpty else { return }
        pageIsDone()
    }

    private func pageIsDone() {
        if isTruncated {
            // The rest of it: what was taken in is known by now, and drops out.
            guard hadProgress else { return end(.incomplete(incomplete ?? "the files that it lists are not there")) }
            isListed = false
        } else if let nextPage {
            target = nextPage
            isListed = false
        } else { return end(incomplete.map { .incomplete($0) }) }
        connection?.isUsable ?? false ? list() : broken(.connection)
    }

    /// Why a file of that size is not fetched now.
    private func obstacle(_ size: Int64) -> Message? {
        guard let directory else { return "its directory is gone" }
        let pending = finishing.reduce(into: size) { $0 += $1.size }
        let limits = syncer.limits
        if directory.octets + pending > limits.octetsPerFriend { return "its files take \(Int(directory.octets >> 10)) of the \(Int(limits.octetsPerFriend >> 10)) KiB that they may" }
        if syncer.storedOctets + pending > limits.octets { return "all friends' files take \(Int(syncer.storedOctets >> 10)) of the \(Int(limits.octets >> 10)) KiB that they may" }
        if let free = directory.freeOctets, free - pending < Bounds.syncFreeOctets { return "the disk is full" }
        return nil
    }

    /// A file has arrived whole; the next may come.
    func arrived(_ file: FileTransfer) {
        transfer = nil
        queue.removeFirst()
        finishing.append(file)
        proceed()
    }

    /// The file that was arriving is settled, or cannot be had now.
    func settled(_ file: FileTransfer, _ outcome: FileTransfer.Outcome) {
        if transfer === file {
            transfer = nil
            switch outcome {
            case .elsewhere where lookAgain(): return
            case .broken: break
            default: queue.removeFirst()
            }
        }
        finishing.removeAll { $0 === file }
        guard !isOver else { return }
        switch outcome {
        case .stored(let entry):
            hasProgress = true
            hadProgress = true
            syncer.counters.files += 1
            friend.counters.files += 1
            syncer.received?(friend.fingerprint, file.name, entry)
        case .refused(let refusal):
            hadProgress = true
            refuse(file.name.octets, file.sum, file.size, refusal)
        case .vanished:
            misses += 1
            syncer.counters.vanished += 1
            friend.counters.vanished += 1
        case .postponed(let reason):
            misses += 1
            incomplete = reason
        case .elsewhere:
            misses += 1
            incomplete = "another program is receiving a file of it"
        case .broken(let error, false): return broken(error)
        case .broken(let error, true): return end(.peer(error))
        }
        responses += 1
        proceed()
    }

    /// Another program (a node and `mau` share a directory) receives the file: when it has it, nothing is left to do; when it gave up, it is fetched here.
    private func lookAgain() -> Bool {
        guard waits < Bounds.syncElsewhereWaits, let waitingTimer else { return false }
        waits += 1
        syncer.loop.schedule(waitingTimer, after: Int64(Bounds.syncElsewhereMilliseconds) * 1_000_000)
        return true
    }

    /// Whether the file that begins now removes what earlier visits left: only the first of a visit, before others are there that it would miss.
    func takeCleaning() -> Bool {
        guard !isCleaned else { return false }
        isCleaned = true
        let isNeeded = !friend.isClean
        friend.isClean = true
        return isNeeded
    }

    func noteResumed() {
        syncer.counters.resumed += 1
        friend.counters.resumed += 1
    }

    /// Counts and names a file that is not taken.
    func refuse(_ name: [UInt8], _ sum: SHA256Sum, _ size: Int64, _ refusal: Refusal) {
        guard !isOver else { return }
        syncer.counters.refused[refusal.kind.rawValue] += 1
        friend.counters.refused[refusal.kind.rawValue] += 1
        let reason = refusal.description
        friend.lastRefusal = (Array(name.prefix(Bounds.fileNameLength)), reason)
        var line = Log("sync-refused")
        line.field("friend", octets: friend.fingerprint.hexadecimal)
        line.field("file", octets: name)
        line.field("reason", reason)
        line.write()
        if !friend.remember(sum, size) { end(.tooManyRefusals) }
    }
}
