import Bluetooth
import Central
import Node
import OpenPGP
import Peer
import System

/// Reaching devices by Bluetooth: what `Network` does when it is asked to.
extension Network {
    /// Seconds for a stream, with its handshake, on a link that is there.
    private static let streamSeconds = 20.0
    /// Devices that may advertise the same before nobody is believed any more.
    private static let mostCandidates = 8

    /// Why no address of a device is known.
    var noAddress: Message {
        desk.place.usesBluetooth ? "it is not in range of Bluetooth, or not on" : "no address of it is known (--peer FINGERPRINT=HOST:PORT gives one)"
    }

    /// Everybody who is heard within so many seconds, each connected to and asked who it is. Who does not say so is told of on standard error.
    func heard(seconds: Double) throws(CommandError) -> [(fingerprint: Fingerprint, address: PeerAddress)] {
        let radio = try madeRadio()
        try radio.endLeftovers()
        try radio.listen(seconds: seconds) { _ in false }
        var found: [(fingerprint: Fingerprint, address: PeerAddress)] = []
        for one in radio.heard {
            guard let address = Radio.address(of: one.device) else { continue }
            switch try radio.prepare(address) {
            case .success(let node): found.append((node.fingerprint, address))
            case .failure(let failure): Desk.note("\(one.device.address) is passed over: \(failure.description)")
            }
        }
        return found
    }

    /// Those of everybody announced or heard who wait for an owner, as far as they say.
    var claimable: [Fingerprint] { claimableByAnnouncement + (radio?.heard.filter(\.canBeClaimed).compactMap(\.fingerprint) ?? []) }

    /// Tries whoever may be the device, one after another, until one is not another one: who only advertises what a device advertises keeps
    /// nobody from it.
    private func tryAll<Value>(_ fingerprint: Fingerprint, _ attempt: (PeerAddress) throws(CommandError) -> Result<Value, Unreachable>) throws(CommandError) -> Result<Value, Unreachable> {
        let radio = try madeRadio()
        var others: [PeerAddress] = [], last = Result<Value, Unreachable>.failure(Unreachable(reason: noAddress, isAway: true))
        while others.count < Network.mostCandidates, let address = try radio.find(fingerprint, except: others).first {
            last = try attempt(address)
            guard case .failure(let problem) = last, problem.isAnother else { return last }
            radio.leave(address)
            others.append(address)
        }
        return last
    }

    /// Makes the link to a device; why there is none, or nil.
    private func linkProblem(_ fingerprint: Fingerprint, at address: PeerAddress) throws(CommandError) -> Unreachable? {
        switch try madeRadio().prepare(address) {
        case .failure(let failure): Unreachable(reason: failure.description)
        case .success(let node) where node.fingerprint != fingerprint: Unreachable(reason: "it says to be \(node.fingerprint.hexadecimal)", isAnother: true)
        case .success(let node) where !node.speaksTLS: Unreachable(reason: "it does not speak TLS")
        case .success: nil
        }
    }

    func connectByRadio(_ fingerprint: Fingerprint) throws(CommandError) -> Result<PeerConnection, Unreachable> {
        try tryAll(fingerprint) { (address) throws(CommandError) in
            try connectByRadio(fingerprint, at: address).mapError { Unreachable(reason: "\(address.words): \($0.reason)", isAnother: $0.isAnother) }
        }
    }

    func connectByRadio(_ fingerprint: Fingerprint, at address: PeerAddress) throws(CommandError) -> Result<PeerConnection, Unreachable> {
        if let problem = try linkProblem(fingerprint, at: address) { return .failure(problem) }
        switch try dial(fingerprint, at: address, seconds: Network.streamSeconds) {
        case .success(let connection): return .success(connection)
        case .failure(let error) where error.isOtherPeer: return .failure(Unreachable(reason: error.description, isAnother: true))
        case .failure(let error): return .failure(Unreachable(reason: refusal(at: address) ?? error.description))
        }
    }

    func visitByRadio(_ fingerprint: Fingerprint) throws(CommandError) -> Visit {
        let result: Result<Visit, Unreachable> = try tryAll(fingerprint) { (address) throws(CommandError) in
            if let problem = try linkProblem(fingerprint, at: address) { return .failure(problem) }
            var visit = try self.visit(fingerprint, at: [address])
            guard let problem = visit.problem else { return .success(visit) }
            if visit.isAnother { return .failure(Unreachable(reason: problem, isAnother: true)) }
            if let refusal = refusal(at: address) { visit.problem = refusal }
            return .success(visit)
        }
        switch result {
        case .success(let visit): return visit
        case .failure(let problem): return Visit(isAway: problem.isAway, problem: problem.reason)
        }
    }

    /// Why a device that was reached wants no stream, as it says itself; nil: it does not say so.
    func refusal(at address: PeerAddress) -> Message? {
        radio?.link(to: address)?.refusal.map { "the device closed the stream: \($0.explanation)" }
    }

    /// How strong a device is heard, in dBm, and by what it was reached; nil when it is none of Bluetooth's.
    func radioState(of address: PeerAddress) -> (signalStrength: Int?, carrier: String?)? {
        guard let radio, let one = radio.heard.first(where: { Radio.address(of: $0.device) == address }) else { return nil }
        return (one.device.signalStrength, radio.link(to: address)?.carrier.rawValue)
    }
}
