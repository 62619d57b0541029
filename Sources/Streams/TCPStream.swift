import CLinux
import EventLoop
import OpenPGP
import System

/// A stream over a TCP connection. The corresponding C functions are `recv`, `send` and `sendfile`.
public final class TCPStream: SocketStream {
    /// Takes an accepted, non-blocking socket, and closes it when the loop cannot watch it.
    public init(owning socket: consuming FileDescriptor, from address: maud_address, loop: EventLoop) throws(SystemError) {
        try super.init(owning: socket, network: Network(address), loop: loop)
    }

    /// Begins to connect to a numeric address. Nothing can be sent before that is done, and the stream fails when it cannot be:
    /// wait for sending first. The corresponding C function is `connect`.
    public convenience init(connectingTo address: String, port: UInt16, loop: EventLoop) throws(SystemError) {
        let number = try check(maud_connect(address, port), "connect", "\(address):\(port)")
        try self.init(owning: FileDescriptor(owning: number), from: maud_address(), loop: loop)
    }

    public override func sendFile(_ file: Int32, offset: Int64, count: Int) -> StreamProgress {
        let result = maud_sendfile(socket, file, offset, count)
        // The file became shorter while it was being sent: the response cannot be completed.
        return result == 0 ? .failed : progress(result)
    }

    public override func finishSending() { _ = maud_shutdown_write(socket) }
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
