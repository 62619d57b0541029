import HTTP
import Node
import OpenPGP
import Peer
import System

/// A response of a device that is small enough for memory.
struct Response {
    let status: Int
    let content: [UInt8]
}

/// Takes in one response.
final class Reception: ResponseConsumer {
    private(set) var status = 0
    private(set) var content: [UInt8] = []
    private(set) var result: Result<Response, PeerError>?
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// One octet more than the limit, so that too much is seen to be.
    var room: Int { limit + 1 - content.count }

    func responseBegins(_ head: ResponseHead) -> Bool {
        status = head.status
        return true
    }

    func responseContinues(_ octets: UnsafeRawBufferPointer) -> Bool {
        content.append(contentsOf: octets)
        return content.count <= limit
    }

    func responseEnds(_ error: PeerError?) { result = error.map { .failure($0) } ?? .success(Response(status: status, content: content)) }
}

extension Network {
    /// Sends a command file and waits until it was carried out or refused (docs/commands.md, part 6).
    func put(_ file: [UInt8], as name: String, on connection: PeerConnection, of device: Fingerprint) throws(CommandError) -> Result<Response, PeerError> {
        let reception = Reception(limit: 64 << 10)
        let target = Array("/p2p/\(desk.own.description)/\(name)".utf8)
        connection.put(file, to: target, host: device.hexadecimal, fields: Array("Prefer: return=representation\r\nContent-Type: application/octet-stream\r\n"), consumer: reception)
        return try wait(reception)
    }

    /// Asks for a challenge (docs/commands.md, part 5); nil when the device gives none.
    func challenge(on connection: PeerConnection, of device: Fingerprint) throws(CommandError) -> [UInt8]? {
        let reception = Reception(limit: 1024)
        connection.get(Array("/p2p/\(device.description)/challenge".utf8), host: device.hexadecimal, consumer: reception)
        guard case .success(let response) = try wait(reception), response.status == 200, response.content.count == 16 else { return nil }
        return response.content
    }

    func wait(_ reception: Reception) throws(CommandError) -> Result<Response, PeerError> {
        try desk.turn { reception.result != nil }
        return reception.result ?? .failure(.tooSlow)
    }
}
