import Bluetooth
import System

/// Fragments as D-Bus messages, one each: what BlueZ before 5.46 has in place of descriptors.
final class MessageCarrier: FragmentCarrier {
    /// Writes that the daemon has not answered; more wait with the stream.
    private static let most = 4

    unowned(unsafe) var user: (any FragmentCarrierUser)?
    let largestFragment: Int
    private let central: Central
    private let sending: String
    private let receiving: String
    private var underWay = 0
    private var isClosed = false
    private var waitsToSend = false

    init(sending: String, receiving: String, mtu: Int, central: Central) {
        self.sending = sending
        self.receiving = receiving
        self.central = central
        largestFragment = Fragment.size(forMTU: mtu)
        central.receive(from: receiving) { [weak self] octets in octets.withUnsafeBytes { self?.user?.carrierReceived($0) } }
    }

    func send(_ fragment: UnsafeRawBufferPointer) -> CarrierProgress {
        if isClosed { return .failed }
        if underWay >= MessageCarrier.most { return .blocked }
        underWay += 1
        central.call(.write(sending, fragment)) { [weak self] result in
            guard let self else { return }
            underWay -= 1
            if case .failure = result { return fail() }
            if waitsToSend {
                waitsToSend = false
                user?.carrierCanSend()
            }
        }
        return .sent
    }

    func waitToSend() { waitsToSend = true }

    func close() {
        isClosed = true
        user = nil
        central.receive(from: receiving, nil)
    }

    private func fail() {
        guard !isClosed else { return }
        let user = user
        close()
        user?.carrierHasFailed()
    }
}
