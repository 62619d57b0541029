import OpenPGP
import System
import Vocabulary

/// Commands that change who may command, and keys of friends that come anew (docs/commands.md, part 10).
extension Commander {
    /// Runs a body that ends with `nextInTurn`, when none of its kind is under way any more.
    /// No more wait than commands may be under way.
    func inTurn(_ body: @escaping () -> Void) {
        guard isChanging else { return begin(body) }
        changesWaiting.append(body)
    }

    private func begin(_ body: () -> Void) {
        isChanging = true
        body()
    }

    /// One change has ended, or was none.
    private func nextInTurn() {
        isChanging = false
        if !changesWaiting.isEmpty { begin(changesWaiting.removeFirst()) }
    }

    /// Carries out a command that was judged but for its key.
    func change(_ command: Command, _ ledger: Ledger, _ file: CommandFile) {
        guard let fingerprint = Fingerprint(hexadecimal: command.target) else { return file.done(.malformed) }
        backend.prepare(ControllerRequest(kind: command.kind, fingerprint: fingerprint, key: command.key)) { [unowned(unsafe) self] result in
            if isStopping { return file.done(.busy) }
            // gpg took its time: whoever was removed meanwhile commands nothing any more.
            if let result = known(command, file.sender, ledger) { return file.done(result) }
            switch result {
            case .failure(.busy): return file.done(.busy)
            case .failure(.refused(let fault)): return refuse(command, fault, ledger, file)
            case .success: break
            }
            if command.target != file.sender.hexadecimal || command.kind != .renewKey, !backend.isController(file.sender) {
                return refuse(command, .notController, ledger, file)
            }
            begin(record(command, file.sender, .begun, nil), ledger, file) { [unowned(unsafe) self] done in
                backend.carryOut { done($0 ? nil : .notStored) }
            } after: {}
        }
    }

    /// Whether a challenge was given out by this process, not long ago.
    public func isFresh(challenge octets: [UInt8]) -> Bool {
        Challenge(octets: octets).flatMap { challenges.issued($0, sinceBoot: backend.clock.sinceBoot) } != nil
    }

    /// Makes somebody the first controller who has proven to know the claim code (docs/claim.md).
    /// - Parameters:
    ///   - isFree: asked when gpg has looked at the key: whether the node still has no owner.
    ///   - completion: called once, when the key is on the disk: `carriedOut`; else `failed`: the key is refused, or `busy`.
    public func claim(by claimer: Fingerprint, key: [UInt8], isFree: @escaping () -> Bool, completion: @escaping (CommandResult) -> Void) {
        guard ledger != nil, !isStopping else { return completion(.busy) }
        inTurn { [unowned(unsafe) self] in
            let done: (CommandResult) -> Void = { [unowned(unsafe) self] result in
                completion(result)
                nextInTurn()
            }
            backend.prepare(ControllerRequest(kind: .addController, fingerprint: claimer, key: key)) { [unowned(unsafe) self] result in
                if case .failure(.refused) = result { return done(.failed(answer: nil)) }
                guard case .success = result, !isStopping, isFree() else { return done(.busy) }
                backend.carryOut { done($0 ? .carriedOut(isStored: true, answer: nil) : .busy) }
            }
        }
    }

    /// Takes over what is new in the key of a friend that the friend published. It counts as a command of theirs, whose identifier is the
    /// first 16 octets of the key's SHA-256; one without news is nothing.
    ///
    /// - Parameters:
    ///   - time: of the signature on it, milliseconds since 1970.
    ///   - completion: called once; `busy` when it should come again.
    public func receive(key: [UInt8], of friend: Fingerprint, signed time: Int64, completion: @escaping (CommandResult) -> Void) {
        guard ledger != nil, !isStopping else { return completion(.busy) }
        guard backend.keyIDs(ofFriend: friend) != nil,
              let identifier = CommandIdentifier(hexadecimal: SHA256Sum(of: key).hexadecimal.prefix(CommandIdentifier.digits)) else { return completion(.unacceptable) }
        let command = Command(identifier: identifier, device: device, kind: .renewKey, target: friend.hexadecimal, value: nil, key: key, startTime: time)
        let file = CommandFile(sender: friend, name: nil, message: [], done: completion)
        inTurn { [unowned(unsafe) self] in takeOver(command, inTurn(file)) }
    }

    /// The same file, which lets the next one in at its end.
    func inTurn(_ file: CommandFile) -> CommandFile {
        CommandFile(sender: file.sender, name: file.name, message: file.message) { [unowned(unsafe) self] result in
            file.done(result)
            nextInTurn()
        }
    }

    private func takeOver(_ command: Command, _ file: CommandFile) {
        guard let ledger else { return file.done(.busy) }
        backend.prepare(ControllerRequest(kind: .renewKey, fingerprint: file.sender, key: command.key)) { [unowned(unsafe) self] result in
            switch result {
            case .failure(.busy): return file.done(.busy)
            case .failure(.refused(let fault)):
                var line = Log("key-refused")
                line.field("friend", octets: file.sender.hexadecimal)
                line.field("reason", "\(fault.term)" as Message)
                line.write()
                return file.done(.unacceptable)
            case .success(let isNews):
                if isStopping { return file.done(.busy) }
                if let result = known(command, file.sender, ledger) { return file.done(result) }
                if !isNews { return file.done(.repeated(answer: nil)) }
            }
            begin(record(command, file.sender, .begun, nil), ledger, file) { [unowned(unsafe) self] done in
                backend.carryOut { done($0 ? nil : .notStored) }
            } after: {}
        }
    }
}
