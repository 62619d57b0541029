import CLinux
import EventLoop
import Streams
import System

/// Listens for credit-based channels (docs/bluetooth.md, section 6): the kernel's, with no part of bluetoothd in it.
public final class Channel {
    private let loop: EventLoop
    private let accept: (any Streams.Stream) -> Void
    private var listener: Int32 = -1
    private var hasFailed = false
    /// What clients connect to; nil: nothing listens.
    private(set) var psm: UInt16?
    private let count = StreamCount()
    private var resume: Timer?
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
            try loop.add(socket.rawValue, .read) { [unowned(unsafe) self] _ in take() }
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
        if let resume { loop.cancel(resume) }
        loop.remove(listener)
        _ = maud_close(listener)
        listener = -1
        psm = nil
    }

    private func take() {
        for _ in 0..<Bounds.bluetoothClients {
            var largest: UInt16 = 0
            let result = maud_accept_l2cap(listener, &largest)
            if result == -ErrorNumber.again { return }
            if result == -ErrorNumber.processFiles || result == -ErrorNumber.systemFiles || result == -ErrorNumber.noMemory { return pause() }
            guard result >= 0 else { continue } // gone before it was accepted
            let socket = FileDescriptor(owning: result)
            guard count.value < Bounds.bluetoothClients, let stream = try? L2CAPStream(owning: socket, largest: Int(largest), count: count, loop: loop) else {
                refused += 1
                continue
            }
            accepted += 1
            accept(stream)
        }
    }

    /// Without descriptors left the loop would spin on a client that it cannot take. Who comes meanwhile waits in the kernel.
    private func pause() {
        try? loop.modify(listener, [])
        let timer = resume ?? Timer { [unowned(unsafe) self] in try? loop.modify(listener, .read) }
        resume = timer
        loop.schedule(timer, after: Int64(Bounds.acceptPauseSeconds) * nanosecondsPerSecond)
    }
}
