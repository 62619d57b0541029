/// What happens to a stream: fragments, time, and what it sends.
extension FragmentStream {
    // MARK: What arrives

    /// Takes a fragment that belongs to this stream: any but a client's open.
    public func take(_ fragment: Fragment, at now: Int64) {
        if fragment.kind == .close { return isClosedByPeer(CloseReason(rawValue: fragment.payload[0])) }
        if ending == .finished { return answerLate(fragment) }
        guard ending == nil else { return }
        if state == .opening {
            guard fragment.kind == .open else { return }
            return isAnswered(fragment, at: now)
        }
        if send.acknowledge(fragment.acknowledgement, credit: fragment.credit) {
            retryDue = nil
            pause = FragmentStream.firstPause
        } else if !send.isOutstanding, !isClosed { waitingSince = now }
        switch fragment.kind {
        case .data, .lastData: take(data: fragment, at: now)
        case .question: owesAcknowledgement = true
        case .gap: repeatAll(at: now)
        case .acknowledgement, .open, .close: break
        }
        settle()
        wait(at: now)
    }

    /// The client's open came again.
    public func isOpenedAgain() { owesOpening = true }

    private func isAnswered(_ fragment: Fragment, at now: Int64) {
        do throws(CloseReason) {
            let answer = try Opening(fragment.payload)
            guard answer.identifier == identifier, fragment.acknowledgement == send.base else { return }
            state = .open
            owesOpening = false
            send.open(payload: min(answer.largestFragment, largestFragment) - Fragment.headerCount, credit: fragment.credit)
            let promised = receive.credit
            receive.open(first: fragment.number, promised: promised)
            retryDue = nil
            pause = FragmentStream.firstPause
            wait(at: now)
        } catch { end(.closedHere(error), telling: error) }
    }

    private func take(data fragment: Fragment, at now: Int64) {
        switch receive.take(fragment) {
        case .taken:
            isMissing = false
            toldMissing = nil
            acknowledge(by: receive.isHalfUsed ? now : now + FragmentStream.acknowledgementDelay)
        case .old: acknowledge(by: now + FragmentStream.acknowledgementDelay)
        case .early:
            isMissing = true
            // The first one is told at once, the others in case that this gets lost.
            if toldMissing == receive.expected { acknowledge(by: now + FragmentStream.acknowledgementDelay) } else { owesAcknowledgement = true }
        case .violation: end(.closedHere(.violation), telling: .violation)
        }
    }

    private func repeatAll(at now: Int64) {
        guard send.isOutstanding, repeatedFor != send.base || now - repeatedAt >= FragmentStream.gapPause else { return }
        repeatedFor = send.base
        repeatedAt = now
        send.repeatAll()
    }

    private func isClosedByPeer(_ reason: CloseReason) {
        guard state == .open || reason.refusesOpening else { return }
        end(.closedByPeer(reason))
    }

    /// The other side has not heard that all is well.
    private func answerLate(_ fragment: Fragment) {
        if fragment.kind == .data || fragment.kind == .lastData || fragment.kind == .question { owesAcknowledgement = true }
    }

    /// Whether all is done.
    func settle() {
        guard ending == nil, send.isAllAcknowledged else { return }
        if receive.isEnded {
            if receive.unacknowledged == 0 { end(.finished) }
        } else if isClosed { end(.closedHere(.done), telling: .done) }
    }

    // MARK: Time

    /// When `timeIsDue` is to be called; nil: never.
    public var deadline: Int64? {
        guard let retryDue else { return acknowledgementDue }
        return min(retryDue, waitingSince + FragmentStream.limit, acknowledgementDue ?? .max)
    }

    /// Some time has passed.
    public func timeIsDue(at now: Int64) {
        if let acknowledgementDue, acknowledgementDue <= now {
            self.acknowledgementDue = nil
            owesAcknowledgement = true
        }
        guard let retryDue, ending == nil else { return }
        if now >= waitingSince + FragmentStream.limit { return end(.closedHere(.timeOut), telling: .timeOut) }
        guard now >= retryDue else { return }
        if !isBlocked {
            if state == .opening { openAgain() } else if send.isOutstanding { send.repeatAll() } else { owesQuestion = true }
            guard ending == nil else { return }
            pause = min(2 * pause, state == .opening ? FragmentStream.longestOpeningPause : FragmentStream.longestPause)
        }
        self.retryDue = now + pause
    }

    /// The carrier takes nothing now, or does again.
    public func isBlocked(_ isBlocked: Bool, at now: Int64) {
        self.isBlocked = isBlocked
        wait(at: now)
    }

    private func openAgain() {
        guard openings < FragmentStream.mostOpenings else { return end(.closedHere(.timeOut)) }
        openings += 1
        owesOpening = true
    }

    func acknowledge(by time: Int64) { acknowledgementDue = min(acknowledgementDue ?? .max, time) }

    /// Begins or ends to count the time for which the other side owes something.
    func wait(at now: Int64) {
        guard ending == nil, state == .opening || send.isOutstanding || send.isStarved || isBlocked else {
            retryDue = nil
            return
        }
        guard retryDue == nil else { return }
        retryDue = now + pause
        waitingSince = now
    }

    // MARK: What is sent

    /// Writes the next fragment to be sent and returns its length, 0 when there is none. It stays the next one until `isSent`, and then there may be another.
    ///
    /// - Parameter buffer: `Fragment.largest` octets.
    public func next(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[Fragment.headerCount...])
        var count = 0
        if let owesClose {
            prepared = .close
            rest[0] = owesClose.rawValue
            // The highest version that is spoken.
            if owesClose == .version { rest[1] = Opening.version }
            count = owesClose == .version ? 2 : 1
        } else if owesOpening, ending == nil {
            prepared = .open
            Opening(identifier: identifier, largestFragment: largestFragment).write(to: rest)
            count = Opening.count
        } else if state == .opening { return 0 } else if owesAcknowledgement, isMissing { prepared = .gap } else if ending == nil, let fragment = send.fragment {
            prepared = fragment.isLast ? .lastData : .data
            count = fragment.count
            send.copyFragment(to: UnsafeMutableRawBufferPointer(rebasing: rest[..<count]))
        } else if owesQuestion { prepared = .question } else if owesAcknowledgement { prepared = .acknowledgement } else { return 0 }
        let number = switch prepared {
        case .data, .lastData: send.number
        // The first: whoever needs the answer has acknowledged nothing.
        case .open: send.base
        default: send.highest
        }
        Fragment.writeHeader(prepared, credit: receive.credit, number: number,
                             acknowledgement: state == .opening ? 0 : receive.expected, to: buffer)
        return Fragment.headerCount + count
    }

    /// The carrier has taken the fragment that `next` wrote.
    public func isSent(at now: Int64) {
        switch prepared {
        case .close: return owesClose = nil
        case .open: owesOpening = false
        case .question: owesQuestion = false
        case .gap: toldMissing = receive.expected
        case .data, .lastData: send.fragmentIsSent()
        case .acknowledgement: break
        }
        guard state == .open else { return }
        // Every header acknowledges, but only a gap tells of one.
        owesAcknowledgement = owesAcknowledgement && isMissing && prepared != .gap
        acknowledgementDue = nil
        receive.isTold()
        settle()
        wait(at: now)
    }
}
