import CLinux
import EventLoop
import System

/// How many of the streams that were counted with it there still are, and who is at their other ends.
public final class StreamCount {
    fileprivate var peers: [UInt64] = []
    public var value: Int { peers.count }

    public init() {}

    /// How many are of one peer.
    public func value(of peer: UInt64) -> Int {
        var value = 0
        for other in peers where other == peer { value += 1 }
        return value
    }
}

/// A stream over a credit-based channel of Bluetooth LE: the flow is controlled by the channel, and a message of it has no meaning of its own.
public final class L2CAPStream: SocketStream {
    /// Octets of one message, as the peer takes them.
    private let largest: Int
    private let count: StreamCount
    private let peer: UInt64

    /// Takes a connected, non-blocking socket, and closes it when the loop cannot watch it.
    /// - Parameters:
    ///   - count: counts this stream as long as it lives: whoever listens has the bounds.
    ///   - peer: who is at the other end, by which it is counted.
    public init(owning socket: consuming FileDescriptor, largest: Int, count: StreamCount, peer: UInt64 = 0, loop: EventLoop) throws(SystemError) {
        self.largest = largest
        self.count = count
        self.peer = peer
        try super.init(owning: socket, network: nil, loop: loop)
        count.peers.append(peer)
    }

    deinit {
        if let index = count.peers.firstIndex(of: peer) { count.peers.remove(at: index) }
    }

    public override func send(_ octets: UnsafeRawBufferPointer, more: Bool) -> StreamProgress {
        super.send(UnsafeRawBufferPointer(rebasing: octets[..<min(octets.count, largest)]), more: false)
    }

    public override func sendFile(_ file: Int32, offset: Int64, count: Int) -> StreamProgress {
        withUnsafeTemporaryAllocation(byteCount: min(count, largest, 4096), alignment: 1) { buffer in
            let read = maud_pread(file, buffer.baseAddress, buffer.count, offset)
            // The file became shorter while it was being sent: the response cannot be completed.
            guard read > 0 else { return .failed }
            return send(UnsafeRawBufferPointer(rebasing: buffer[..<read]), more: read < count)
        }
    }
}
