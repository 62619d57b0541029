import Bluetooth
import Central
import EventLoop
import OpenPGP
import Peer
import Streams
import System
import TLS

/// Connects by TLS over whatever an address is of: TCP, or a Bluetooth device that is connected already.
final class AnyDialer: Dialer {
    private let internet: TLSDialer
    private let context: TLSContext
    private let loop: EventLoop
    /// What has the connections to Bluetooth devices.
    var radio: Radio?

    init(context: TLSContext, loop: EventLoop) {
        internet = TLSDialer(context: context, loop: loop)
        self.context = context
        self.loop = loop
    }

    func dial(_ fingerprint: Fingerprint, at address: PeerAddress, completion: @escaping (Result<any Streams.Stream, PeerError>) -> Void) -> any Dialing {
        guard address.isBluetooth else { return internet.dial(fingerprint, at: address, completion: completion) }
        return RadioDialing(fingerprint, radio?.link(to: address), context: context, loop: loop, completion)
    }
}

/// One stream on a Bluetooth device's link, and the handshake on it.
private final class RadioDialing: Dialing {
    private let fingerprint: Fingerprint
    private let context: TLSContext
    private let loop: EventLoop
    private var completion: ((Result<any Streams.Stream, PeerError>) -> Void)?
    private var opening: StreamOpening?
    private var stream: TLSStream?
    private var later: Timer?
    private var failure: PeerError?
    private let link: DeviceLink?
    /// Times that another client's stream and ours ended each other (docs/bluetooth.md, 7.3), and how often that is borne.
    private var disputes = 0
    private static let mostDisputes = 2
    private var again: Timer?

    init(_ fingerprint: Fingerprint, _ link: DeviceLink?, context: TLSContext, loop: EventLoop, _ completion: @escaping (Result<any Streams.Stream, PeerError>) -> Void) {
        self.fingerprint = fingerprint
        self.context = context
        self.loop = loop
        self.completion = completion
        self.link = link
        later = Timer { [unowned self] in finish() }
        again = Timer { [unowned self] in begin() }
        begin()
    }

    private func begin() {
        if let link, link.isUp { open(link) } else { end(.connection) }
    }

    private func open(_ link: DeviceLink) {
        opening = link.open { [unowned self] result in
            switch result {
            case .success(let carrier): shakeHands(over: carrier)
            case .failure: end(.connection)
            }
        }
    }

    private func shakeHands(over carrier: any Streams.Stream) {
        opening = nil
        let stream = TLSStream(over: carrier, .client(fingerprint), context: context)
        self.stream = stream
        stream.start { [unowned self] error in end(error.map { .handshake($0) }) }
    }

    /// What is known now is told later, when nothing of the stream runs any more.
    private func end(_ failure: PeerError?) {
        self.failure = failure
        if let later { loop.schedule(later, after: 0) }
    }

    private func finish() {
        let stream = stream
        self.stream = nil
        if case .handshake(.carrier) = failure, let link, link.isUp, link.carrier == .channel, link.avoidChannel() {
            // Some systems end a channel that asks for no pairing once it is used.
            failure = nil
            stream?.close()
            return open(link)
        }
        if case .handshake(.carrier) = failure, let link, link.isUp, link.carrier == .gatt, link.refusal == .shared, disputes < RadioDialing.mostDisputes {
            // Whoever opens first is served.
            disputes += 1
            failure = nil
            stream?.close()
            if let again { loop.schedule(again, after: Int64.random(in: 0..<4 * nanosecondsPerSecond)) }
            return
        }
        let done = completion
        completion = nil
        if let stream, failure == nil {
            done?(.success(stream))
        } else {
            stream?.close()
            done?(.failure(failure ?? .connection))
        }
    }

    func cancel() {
        completion = nil
        if let later { loop.cancel(later) }
        if let again { loop.cancel(again) }
        opening?.cancel()
        opening = nil
        stream?.close()
        stream = nil
    }
}
