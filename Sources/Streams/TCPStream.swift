import CLinux
import EventLoop
import OpenPGP
import System

/// A stream over a TCP connection. The corresponding C functions are `recv`, `send` and `sendfile`.
public final class TCPStream: Stream {
    private let socket: Int32
    private let loop: EventLoop
    private var waiting = StreamReadiness.receiving
    public let network: Network?
    public var peerFingerprint: Fingerprint? { nil }
    public var owner: (any StreamOwner)?

    /// Takes an accepted, non-blocking socket, and closes it when the loop cannot watch it.
    public init(owning socket: consuming FileDescriptor, from address: maud_address, loop: EventLoop) throws(SystemError) {
        let number = socket.rawValue
        network = Network(address)
        self.loop = loop
        self.socket = number
        try watch(.read)
        _ = socket.release()
    }

    private func watch(_ interest: EventLoop.Interest) throws(SystemError) {
        try loop.add(socket, interest) { [unowned(unsafe) self] _ in owner?.streamIsReady() }
    }

    /// Begins to connect to a numeric address. Nothing can be sent before that is done, and the stream fails when it cannot be:
    /// wait for sending first. The corresponding C function is `connect`.
    public convenience init(connectingTo address: String, port: UInt16, loop: EventLoop) throws(SystemError) {
        let number = try check(maud_connect(address, port), "connect", "\(address):\(port)")
        try self.init(owning: FileDescriptor(owning: number), from: maud_address(), loop: loop)
    }

    public func receive(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress {
        let result = maud_receive(socket, buffer.baseAddress, buffer.count)
        return result == 0 ? .ended : progress(result)
    }

    public func send(_ octets: UnsafeRawBufferPointer, more: Bool) -> StreamProgress {
        progress(maud_send(socket, octets.baseAddress, octets.count, more))
    }

    public func sendFile(_ file: Int32, offset: Int64, count: Int) -> StreamProgress {
        let result = maud_sendfile(socket, file, offset, count)
        // The file became shorter while it was being sent: the response cannot be completed.
        return result == 0 ? .failed : progress(result)
    }

    public func wait(for readiness: StreamReadiness) {
        guard readiness != waiting else { return }
        let isWatched = waiting != .nothing
        waiting = readiness
        // An end of the connection would be told of again and again, whatever is waited for.
        if readiness == .nothing { return loop.remove(socket) }
        let interest: EventLoop.Interest = readiness == .sending ? .write : .read
        // Fails only without kernel memory; then the idle bound closes the connection.
        if isWatched { try? loop.modify(socket, interest) } else { try? watch(interest) }
    }

    public func finishSending() { _ = maud_shutdown_write(socket) }

    public func close() {
        owner = nil
        loop.remove(socket)
        _ = maud_close(socket)
    }

    @inline(__always)
    private func progress(_ result: Int) -> StreamProgress {
        if result > 0 { return .octets(result) }
        return result == Int(-ErrorNumber.again) || result == Int(-ErrorNumber.interrupted) ? .blocked : .failed
    }
}

extension Network {
    /// The network of an address that was accepted.
    public init(_ address: maud_address) {
        isIPv6 = address.is_ipv6 != 0
        var prefix: UInt64 = 0
        withUnsafeBytes(of: address.octets) { octets in
            for index in 0..<(address.is_ipv6 != 0 ? 8 : 4) { prefix = prefix << 8 | UInt64(octets[index]) }
        }
        self.prefix = prefix
    }
}
