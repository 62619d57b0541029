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

    /// Makes the link to a device; why there is none, or nil.
    func linkProblem(_ fingerprint: Fingerprint, at address: PeerAddress) throws(CommandError) -> Message? {
        switch try madeRadio().prepare(address) {
        case .failure(let failure): failure.description
        case .success(let node) where node.fingerprint != fingerprint: "it says to be \(node.fingerprint.hexadecimal)"
        case .success(let node) where !node.speaksTLS: "it does not speak TLS"
        case .success: nil
        }
    }

    func connectByRadio(_ fingerprint: Fingerprint, at address: PeerAddress) throws(CommandError) -> Result<PeerConnection, Unreachable> {
        if let problem = try linkProblem(fingerprint, at: address) { return .failure(Unreachable(reason: problem)) }
        switch try dial(fingerprint, at: address, seconds: Network.streamSeconds) {
        case .success(let connection): return .success(connection)
        case .failure(let error): return .failure(Unreachable(reason: error.description))
        }
    }

    /// How strong a device is heard, in dBm, and by what it was reached; nil when it is none of Bluetooth's.
    func radioState(of address: PeerAddress) -> (signalStrength: Int?, carrier: String?)? {
        guard let radio, let one = radio.heard.first(where: { Radio.address(of: $0.device) == address }) else { return nil }
        return (one.device.signalStrength, radio.link(to: address)?.carrier.rawValue)
    }
}
