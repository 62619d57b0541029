import CLinux
import EventLoop
import System

/// `status.socket` in the state directory: whoever connects (same user only: mode 0600) gets one JSON text and the end.
///
/// One client is served at a time; the text fits the socket's buffer, and what does not is cut off with the connection
/// rather than waited for, so a client that does not read holds nothing up.
final class StatusSocket {
    static let name = "status.socket"
    private let loop: EventLoop
    private let listener: Int32
    private let directory: FileDescriptor

    /// - Parameter report: makes the text, called for each client.
    init(state: String, loop: EventLoop, report: @escaping () -> [UInt8]) throws(SystemError) {
        self.loop = loop
        directory = try FileDescriptor.open(state, [.read, .directory])
        listener = try check(maud_listen_unix(directory.rawValue, StatusSocket.name, 4), "listen", StatusSocket.name)
        try loop.add(listener, .read) { [unowned(unsafe) self] _ in answer(report) }
    }

    private func answer(_ report: () -> [UInt8]) {
        var peer = maud_address()
        let client = maud_accept(listener, &peer)
        guard client >= 0 else { return }
        let text = report()
        text.withUnsafeBytes { _ = maud_send(client, $0.baseAddress, $0.count, false) }
        _ = maud_close(client)
    }

    /// Closes and removes the socket.
    func close() {
        loop.remove(listener)
        _ = maud_close(listener)
        _ = maud_unlinkat(directory.rawValue, StatusSocket.name, false)
    }
}

extension StatusSocket {
    /// Asks the node whose state directory this is.
    static func ask(state: String) throws(CommandError) -> [UInt8] {
        do throws(SystemError) {
            let directory = try FileDescriptor.open(state, [.read, .directory])
            let socket = FileDescriptor(owning: try check(maud_connect_unix_blocking(directory.rawValue, name), "connect", state + "/" + name))
            return try socket.readToEnd(limit: 1 << 20)
        } catch {
            if error.code == ErrorNumber.notFound || error.code == ErrorNumber.connectionRefused {
                throw CommandError(.unavailable, "no node is running with the state directory \(state)")
            }
            throw CommandError("cannot ask the node", error)
        }
    }
}
