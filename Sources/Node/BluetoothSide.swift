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
        json.key("state"); json.string(peripheral.state.description)
        json.key("advertisements"); json.number(peripheral.advertisements)
        json.key("clients"); json.number(clients.count)
        json.key("streams"); json.number(clients.streams)
        json.key("channels"); json.number(channel.streams)
        json.key("subscriptions"); json.number(clients.counters.subscribed)
        json.key("streamsOpened"); json.number(clients.counters.streams)
        json.key("channelsOpened"); json.number(channel.accepted)
        json.key("refused"); json.number(clients.counters.refused + channel.refused)
        json.key("evicted"); json.number(clients.counters.evicted)
        json.key("disputed"); json.number(clients.counters.disputed)
        json.endObject()
    }
}
