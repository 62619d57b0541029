import Bluetooth
import CCentral
import CLinux
import EventLoop
import Streams
import System

/// A stream that is being opened on a link: over a channel where the node has one and the kernel takes it, else over GATT (docs/bluetooth.md, section 8).
public final class StreamOpening {
    /// A channel that is not there after this is taken for one that asks for pairing.
    private static let channelPatience = 2 * nanosecondsPerSecond
    private static let endPatience = 2 * nanosecondsPerSecond

    private unowned let link: DeviceLink
    private var completion: ((Result<any Streams.Stream, LinkFailure>) -> Void)?
    private var timer: OneTimer?
    private var channel: Int32 = -1
    private var notify: CallAnswer?
    /// Until when the stream before this one may take to end.
    private let deadline: Int64

    init(_ link: DeviceLink, _ completion: @escaping (Result<any Streams.Stream, LinkFailure>) -> Void) {
        self.link = link
        self.completion = completion
        deadline = link.loop.now + StreamOpening.endPatience
    }

    deinit { cancel() }

    func start() {
        if link.gatt == nil, !link.avoidsChannel, let psm = link.node?.channel, connectChannel(psm) { return }
        openFragments()
    }

    /// Gives it up.
    public func cancel() {
        completion = nil
        timer?.cancel()
        closeChannel()
        if let notify, notify.descriptor >= 0 { _ = maud_close(notify.descriptor) }
        notify = nil
    }

    func fail(_ failure: LinkFailure) { finish(.failure(failure)) }

    private func finish(_ result: Result<any Streams.Stream, LinkFailure>) {
        let done = completion
        cancel()
        link.opening = nil
        done?(result)
    }

    private func later(_ delay: Int64 = 0, _ work: @escaping () -> Void) {
        timer?.cancel()
        timer = OneTimer(link.loop, work)
        timer?.start(after: delay)
    }

    // MARK: The channel

    private func connectChannel(_ psm: UInt16) -> Bool {
        guard let (adapter, device) = link.ends else { return false }
        let socket = maud_channel_connect(adapter.address, adapter.isRandom, device.address, device.isRandom, psm)
        guard socket >= 0 else {
            link.avoidsChannel = true
            return false
        }
        do throws(SystemError) { try link.loop.add(socket, .write) { [unowned self] _ in channelIsDecided() } } catch {
            _ = maud_close(socket)
            return false
        }
        channel = socket
        later(StreamOpening.channelPatience) { [unowned self] in channelFailed() }
        return true
    }

    private func channelIsDecided() {
        let mtu = maud_channel_send_mtu(channel)
        guard mtu > 0 else { return channelFailed() }
        let socket = channel
        closeChannel(keepsSocket: true)
        do throws(SystemError) {
            let stream = try L2CAPStream(owning: FileDescriptor(owning: socket), largest: Int(mtu), count: StreamCount(), loop: link.loop)
            link.opened(by: .channel)
            finish(.success(stream))
        } catch { finish(.failure(.system(error))) }
    }

    private func channelFailed() {
        closeChannel()
        link.avoidsChannel = true
        openFragments()
    }

    private func closeChannel(keepsSocket: Bool = false) {
        guard channel >= 0 else { return }
        link.loop.remove(channel)
        if !keepsSocket { _ = maud_close(channel) }
        channel = -1
    }

    // MARK: Fragments

    private func openFragments() {
        if link.gatt != nil { return later { [unowned self] in begin() } }
        guard let output = link.central.characteristic(DeviceLink.uuids.output, of: link.path)?.path else { return later { [unowned self] in link.fail(.notANode) } }
        link.central.call(.acquireNotify(output)) { [weak self] result in
            guard let self, completion != nil else { return StreamOpening.drop(result) }
            switch result {
            case .success(let answer) where answer.descriptor >= 0:
                notify = answer
                acquireWrite()
            case .failure(let error) where !error.isUnknown: refused(error)
            default: startNotify(output)
            }
        }
    }

    private static func drop(_ result: CallResult) {
        if case .success(let answer) = result, answer.descriptor >= 0 { _ = maud_close(answer.descriptor) }
    }

    private func refused(_ error: CallError) { link.fail(error.isInUse ? .inUse : .refused(error.words)) }

    private func acquireWrite() {
        guard let input = link.central.characteristic(DeviceLink.uuids.input, of: link.path)?.path else { return link.fail(.notANode) }
        link.central.call(.acquireWrite(input)) { [weak self] result in
            guard let self, completion != nil, let notify else { return StreamOpening.drop(result) }
            switch result {
            case .success(let answer):
                self.notify = nil
                do throws(SystemError) {
                    let carrier = try DescriptorCarrier(sending: answer.descriptor, receiving: notify.descriptor, mtu: min(answer.mtu, notify.mtu), loop: link.loop)
                    use(carrier)
                } catch { link.fail(.system(error)) }
            case .failure(let error): refused(error)
            }
        }
    }

    /// Before BlueZ 5.46 there are no descriptors: each fragment is a message.
    private func startNotify(_ output: String) {
        guard let input = link.central.characteristic(DeviceLink.uuids.input, of: link.path) else { return link.fail(.notANode) }
        let carrier = MessageCarrier(sending: input.path, receiving: output, mtu: input.mtu ?? 23, central: link.central)
        link.central.call(.startNotify(output)) { [weak self] result in
            guard let self, completion != nil else { return carrier.close() }
            if case .failure(let error) = result {
                carrier.close()
                return refused(error)
            }
            use(carrier)
        }
    }

    private func use(_ carrier: any FragmentCarrier) {
        let made = GATTLink(toNodeOver: carrier, loop: link.loop)
        made.failed = { [unowned link] in link.fail(.lost) }
        link.gatt = made
        begin()
    }

    /// A node on BlueZ before 5.69 takes a stream that begins before the last one is over for another client's.
    private func begin() {
        guard let gatt = link.gatt else { return fail(.lost) }
        if gatt.isBusy, link.loop.now < deadline { return later(20_000_000) { [unowned self] in begin() } }
        link.opened(by: .gatt)
        finish(.success(gatt.open()))
    }
}
