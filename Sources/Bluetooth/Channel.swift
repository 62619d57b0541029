import CLinux
import EventLoop
import Streams
import System

/// Listens for credit-based channels (docs/bluetooth.md, section 6): the kernel's, with no part of bluetoothd in it.
public final class Channel {
    private let loop: EventLoop
    private let accept: (any Streams.Stream) -> Void
    private var listener: Int32 = -1
    private var acceptor: Acceptor?
    private var hasFailed = false
    /// What clients connect to; nil: nothing listens.
    private(set) var psm: UInt16?
    private let count = StreamCount()
    /// Streams that there are now.
    public var streams: Int { count.value }
    /// Since the start.
    public private(set) var accepted = 0
    public private(set) var refused = 0

    init(loop: EventLoop, accept: @escaping (any Streams.Stream) -> Void) {
        self.loop = loop
        self.accept = accept
    }

    /// Listens, unless it does. A kernel that cannot is told of once.
    func open() {
        guard listener < 0 else { return }
        do throws(SystemError) {
            let socket = FileDescriptor(owning: try check(maud_listen_l2cap(Int32(Bounds.bluetoothClients), UInt16(Bounds.channelMessage)), "listen", "L2CAP"))
            psm = UInt16(truncatingIfNeeded: try check(maud_l2cap_psm(socket.rawValue), "getsockname", "L2CAP"))
            acceptor = try Acceptor(socket.rawValue, loop: loop) { [unowned(unsafe) self] in take() }
            listener = socket.release()
        } catch {
            psm = nil
            if hasFailed { return }
            hasFailed = true
            var line = Log("no-bluetooth-channel")
            line.field("reason", error.description)
            line.write()
        }
    }

    func close() {
        guard listener >= 0 else { return }
        acceptor?.close()
        _ = maud_close(listener)
        listener = -1
        psm = nil
    }

    private func take() -> Acceptor.Attempt {
        var largest: UInt16 = 0, peer: UInt64 = 0
        let result = maud_accept_l2cap(listener, &largest, &peer)
        guard result >= 0 else { return Acceptor.Attempt(failing: result) }
        let socket = FileDescriptor(owning: result)
        guard count.value < Bounds.bluetoothClients, count.value(of: peer) < Bounds.channelsOfOneClient,
            let stream = try? L2CAPStream(owning: socket, largest: Int(largest), count: count, peer: peer, loop: loop) else {
            refused += 1
            return .next
        }
        accepted += 1
        accept(stream)
        return .next
    }
}
