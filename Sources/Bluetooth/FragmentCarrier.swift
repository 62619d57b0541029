/// What brings fragments to one other side and back: notifications and writes, by whatever way BlueZ gives them.
///
/// It may lose, repeat and delay them (docs/bluetooth.md, 3.10). None of its functions calls its user back before it returns.
public protocol FragmentCarrier: AnyObject {
    /// Who takes what arrives. Set to nil before the carrier is given up.
    var user: (any FragmentCarrierUser)? { get set }
    /// The most octets of a fragment that this link carries: `Fragment.size(forMTU:)`.
    var largestFragment: Int { get }

    /// Sends one fragment, whole or not at all.
    func send(_ fragment: UnsafeRawBufferPointer) -> CarrierProgress
    /// Calls `carrierCanSend` once it takes fragments again; asked for after `blocked`.
    func waitToSend()
    /// Ends it; nothing is called afterwards.
    func close()
}

/// What became of a fragment.
public enum CarrierProgress: Equatable, Sendable {
    case sent, blocked
    /// The other side is gone.
    case failed
}

/// Who uses a carrier.
public protocol FragmentCarrierUser: AnyObject {
    /// A write or a notification arrived, whatever is in it; the octets are there during the call.
    func carrierReceived(_ octets: UnsafeRawBufferPointer)
    func carrierCanSend()
    /// The other side is gone, or the carrier broken.
    func carrierHasFailed()
}
