import CLinux
import EventLoop
import System

/// Fragments as messages of non-blocking SOCK_SEQPACKET descriptors, as AcquireWrite and AcquireNotify of BlueZ give them: one to send on and one
/// to receive on, or one for both.
public final class DescriptorCarrier: FragmentCarrier {
    public unowned(unsafe) var user: (any FragmentCarrierUser)?
    public let largestFragment: Int

    private let sending: Int32
    private let receiving: Int32
    private let loop: EventLoop
    private var isClosed = false
    private var waitsToSend = false

    /// Takes the descriptors over, and closes them when the loop cannot watch them.
    ///
    /// - Parameters:
    ///   - mtu: the ATT MTU, the smaller one when there are two.
    ///   - sending, receiving: may be the same one.
    public init(sending: Int32, receiving: Int32, mtu: Int, loop: EventLoop) throws(SystemError) {
        self.sending = sending
        self.receiving = receiving
        self.loop = loop
        largestFragment = Fragment.size(forMTU: mtu)
        do throws(SystemError) {
            try loop.add(receiving, .read) { [unowned(unsafe) self] readiness in isReady(readiness) }
            if sending != receiving { try loop.add(sending, []) { [unowned(unsafe) self] readiness in isReadyToSend(readiness) } }
        } catch {
            close()
            throw error
        }
    }

    deinit { close() }

    public func send(_ fragment: UnsafeRawBufferPointer) -> CarrierProgress {
        if isClosed { return .failed }
        let result = maud_send(sending, fragment.baseAddress, fragment.count, false)
        if result == fragment.count { return .sent }
        return result == Int(-ErrorNumber.again) || result == Int(-ErrorNumber.interrupted) ? .blocked : .failed
    }

    public func waitToSend() { watchSending(true) }

    public func close() {
        guard !isClosed else { return }
        isClosed = true
        user = nil
        loop.remove(receiving)
        _ = maud_close(receiving)
        guard sending != receiving else { return }
        loop.remove(sending)
        _ = maud_close(sending)
    }

    private func watchSending(_ waits: Bool) {
        guard !isClosed, waits != waitsToSend else { return }
        waitsToSend = waits
        let other: EventLoop.Interest = sending == receiving ? .read : []
        // Fails only without kernel memory; then the stream's time limit ends it.
        try? loop.modify(sending, waits ? other.union(.write) : other)
    }

    private func isReady(_ readiness: EventLoop.Interest) {
        withExtendedLifetime(self) {
            if sending == receiving, !readiness.intersection(.write).isEmpty { sendAgain() }
            // At most 16 at a time, so that a flood does not keep the loop.
            for _ in 0..<16 where !isClosed { guard receive(readiness) else { return } }
        }
    }

    private func isReadyToSend(_ readiness: EventLoop.Interest) {
        withExtendedLifetime(self) {
            if readiness.isDisjoint(with: .failure) { sendAgain() } else { fail() }
        }
    }

    private func sendAgain() {
        watchSending(false)
        user?.carrierCanSend()
    }

    /// Takes one fragment; false when there is none.
    private func receive(_ readiness: EventLoop.Interest) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: Fragment.largest + 1, alignment: 16) { buffer in
            let count = maud_receive(receiving, buffer.baseAddress, buffer.count)
            // An empty message looks like the end, but it is none while there is another side.
            if count < 0 ? count != Int(-ErrorNumber.again) && count != Int(-ErrorNumber.interrupted) : count == 0 && !readiness.isDisjoint(with: .failure) {
                fail()
                return false
            }
            if count >= 0 { user?.carrierReceived(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
            return count >= 0
        }
    }

    private func fail() {
        let user = user
        close()
        user?.carrierHasFailed()
    }
}
