import Bluetooth
import Board
import EventLoop
import JSON
import OpenPGP
import Server
import Streams
import System

/// The Bluetooth side of a running node: its streams get the same answers as TCP's, and the rights of whom TLS has identified.
final class BluetoothSide {
    let peripheral: Peripheral

    /// Nil when neither the command line nor board.json wants it.
    init?(_ options: RunOptions, _ settings: BluetoothSettings, fingerprint: Fingerprint, secure: SecureListener?, server: Server, loop: EventLoop) {
        guard options.usesBluetooth, settings.isEnabled else { return nil }
        peripheral = Peripheral(settings, fingerprint: fingerprint, speaksTLS: secure != nil, loop: loop) { [unowned(unsafe) server] stream in
            if let secure { secure.handshakes.beginByFirstOctet(stream) } else { server.accept(stream) }
        }
    }

    /// The member `bluetooth` of `maud status`.
    func write(to json: inout JSONWriter) {
        let clients = peripheral.clients, channel = peripheral.channel
        json.key("bluetooth"); json.beginObject()
        json.member("state", peripheral.state.description)
        json.member("advertisements", peripheral.advertisements)
        json.member("clients", clients.count)
        json.member("streams", clients.streams)
        json.member("channels", channel.streams)
        json.member("subscriptions", clients.counters.subscribed)
        json.member("streamsOpened", clients.counters.streams)
        json.member("channelsOpened", channel.accepted)
        json.member("refused", clients.counters.refused + channel.refused)
        json.member("evicted", clients.counters.evicted)
        json.member("disputed", clients.counters.disputed)
        json.endObject()
    }
}
