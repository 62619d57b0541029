import Board
import OpenPGP
import Readings
import System
import Vocabulary

/// Answers, and what a restart finds.
extension Commander {
    // MARK: Starting

    /// Begins to take commands: reads the ledger, and ends what a power cut interrupted. Call it once the index of the own directory is
    /// complete, every actuator having been told to take its safe state.
    ///
    /// - Parameter isFirst: the node has never run before: no ledger is missing.
    public func start(ledger file: LedgerFile, isFirst: Bool) {
        let clock = backend.clock, now = clock.state == .set ? clock.now / 1_000_000 : nil
        let ledger = Ledger(file.read(), isFirst: isFirst, now: now) { octets, done in file.write(octets, done) }
        self.ledger = ledger
        if ledger.finding == .lost { Log("ledger-lost").write() }
        clockChanged()
        rememberWentBack()
        log.start()
        countAnswers()
        for record in ledger.records where record.state == .begun {
            ledger.change(record.outcome.identifier) { $0 = self.record(record, ended: .interrupted) }
            var line = Log("command-interrupted")
            line.field("identifier", octets: record.outcome.identifier.hexadecimal)
            line.write()
        }
        ledger.save { [unowned(unsafe) self] error in
            if let error { notWritten("ledger", error.description) }
            settle()
        }
    }

    private func countAnswers() {
        backend.forEachFile(Array("a-")) { name, _ in
            if CommandIdentifier(answerName: name) != nil { answers += 1 }
            return true
        }
    }

    // MARK: Answering

    /// Signs the answer and puts it into the node's directory; nil when that failed, or one of that name is there.
    func publishAnswer(_ outcome: CommandOutcome, done: @escaping ([UInt8]?) -> Void) {
        backend.signAnswer(outcome.answer(device: device), to: outcome.controller) { [unowned(unsafe) self] result in
            guard case .success(let message) = result else {
                if case .failure(let failure) = result { notWritten("answer", failure.description) }
                return done(nil)
            }
            backend.store(outcome.identifier.answerName, message, replacing: false) { [unowned(unsafe) self] result in
                switch result {
                case .success:
                    answers += 1
                    removeOldAnswers()
                    ledger?.change(outcome.identifier) { $0.isAnswered = true }
                    done(message)
                case .failure(.exists):
                    // It was answered before the power went.
                    ledger?.change(outcome.identifier) { $0.isAnswered = true }
                    done(backend.message(outcome.identifier.answerName))
                case .failure(let failure):
                    notWritten("answer", failure.description)
                    done(nil)
                }
            }
        }
    }

    /// Puts the outcome into the log, and then says so in the ledger. False: too much waits, it must be tried again.
    @discardableResult
    func logged(_ outcome: CommandOutcome) -> Bool {
        log.append(outcome) { [unowned(unsafe) self] in
            ledger?.change(outcome.identifier) { $0.isLogged = true }
            ledger?.save { _ in }
        }
    }

    /// Half a minute after something could not be written.
    func tryAgain() {
        rememberWentBack()
        log.advance()
        states.advance()
        settle()
    }

    /// Publishes, one after the other, what was left without answer or line in the log.
    func settle() {
        guard !isSettling, let ledger else { return }
        guard let record = ledger.records.first(where: { $0.state == .ended && (!$0.isAnswered || (!$0.isLogged && !log.holds($0.outcome.identifier))) }) else { return }
        let outcome = record.outcome
        if record.isAnswered {
            return logged(outcome) ? settle() : retryLater()
        }
        isSettling = true
        publishAnswer(outcome) { [unowned(unsafe) self] answer in
            isSettling = false
            guard answer != nil else { return retryLater() }
            settle()
        }
    }

    private struct Found {
        let name: [UInt8]
        let time: Int64
    }

    /// Keeps the newest answers.
    private func removeOldAnswers() {
        guard answers > Bounds.answers else { return }
        var found: [Found] = []
        backend.forEachFile(Array("a-")) { name, file in
            if CommandIdentifier(answerName: name) != nil { found.append(Found(name: name, time: file.modificationTime)) }
            return true
        }
        sort(count: found.count, isLess: { found[$0].time < found[$1].time }, swap: { found.swapAt($0, $1) })
        let names = found.prefix(Bounds.answers / 10).map { $0.name }
        answers = found.count - names.count
        backend.remove(names) { _ in }
    }
}
