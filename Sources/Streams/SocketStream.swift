import CLinux
import EventLoop
import OpenPGP
import System

/// A stream over a socket. The corresponding C functions are `recv` and `send`.
public class SocketStream: Stream {
    final let socket: Int32
    private let loop: EventLoop
    private var waiting = StreamReadiness.receiving
    public final let network: Network?
    public final var peerFingerprint: Fingerprint? { nil }
    public final var owner: (any StreamOwner)?

    /// Takes a connected, non-blocking socket, and closes it when the loop cannot watch it.
    init(owning socket: consuming FileDescriptor, network: Network?, loop: EventLoop) throws(SystemError) {
        let number = socket.rawValue
        self.network = network
        self.loop = loop
        self.socket = number
        try watch(.read)
        _ = socket.release()
    }

    private func watch(_ interest: EventLoop.Interest) throws(SystemError) {
        try loop.add(socket, interest) { [unowned(unsafe) self] _ in owner?.streamIsReady() }
    }

    public final func receive(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress {
        let result = maud_receive(socket, buffer.baseAddress, buffer.count)
        return result == 0 ? .ended : progress(result)
    }

    public func send(_ octets: UnsafeRawBufferPointer, more: Bool) -> StreamProgress {
        progress(maud_send(socket, octets.baseAddress, octets.count, more))
    }

    /// Each kind of socket has its own way.
    public func sendFile(_ file: Int32, offset: Int64, count: Int) -> StreamProgress { .failed }

    public final func wait(for readiness: StreamReadiness) {
        guard readiness != waiting else { return }
        let isWatched = waiting != .nothing
        waiting = readiness
        // An end of the connection would be told of again and again, whatever is waited for.
        if readiness == .nothing { return loop.remove(socket) }
        let interest: EventLoop.Interest = readiness == .sending ? .write : .read
        // Fails only without kernel memory; then the idle bound closes the connection.
        if isWatched { try? loop.modify(socket, interest) } else { try? watch(interest) }
    }

    /// Says nothing: a channel of Bluetooth ends in both directions at once, and what has not left by then is lost.
    public func finishSending() {}

    public final func close() {
        owner = nil
        loop.remove(socket)
        _ = maud_close(socket)
    }

    @inline(__always)
    final func progress(_ result: Int) -> StreamProgress {
        if result > 0 { return .octets(result) }
        return result == Int(-ErrorNumber.again) || result == Int(-ErrorNumber.interrupted) ? .blocked : .failed
    }
}
