import EventLoop
import OpenPGP
import Streams
import System
import TLS

/// What a stranger or a damaged account can give to TLS: a certificate, a secret key export, or the octets of a handshake, as the
/// first octet says.
@c(LLVMFuzzerTestOneInput)
public func fuzzTLS(_ octets: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    guard count > 0, let kind = octets?[0] else { return 0 }
    let input = UnsafeRawBufferPointer(start: octets, count: count)[1...]
    switch kind % 3 {
    case 0: _ = Fingerprint(ofCertificate: Array(input))
    case 1:
        guard let key = try? SigningKey() else { return 0 }
        if !isFilled(key, UnsafeRawBufferPointer(rebasing: input)) { precondition(!key.isSet, "something is left of a key that was refused") }
    default:
        let carrier = Octets(Array(input))
        let stream = TLSStream(over: carrier, .server, context: identity)
        var result: TLSError??
        stream.start { result = .some($0) }
        stream.streamIsReady()
        // It ends behind the octets: nobody can have proven a key with octets that know nothing of our random ones.
        precondition(stream.peerFingerprint == nil && result != .some(.none))
        stream.close()
    }
    return 0
}

/// Alice of the fixtures; the program runs in the repository.
private nonisolated(unsafe) let identity: TLSContext = {
    let export = (try? Files.read("Tests/Fixtures/secret/alice.gpg", limit: 4096)) ?? []
    guard let key = try? SigningKey(), export.withUnsafeBytes({ isFilled(key, $0) }),
          let loop = try? EventLoop(clock: SystemClock()), let context = try? TLSContext(key: key, protocols: [.http1], loop: loop) else {
        fatalError("no identity: run it in the repository")
    }
    return context
}()

private func isFilled(_ key: SigningKey, _ export: UnsafeRawBufferPointer) -> Bool {
    do { try key.fill(fromExport: export) } catch { return false }
    return true
}

/// A carrier with these octets and then its end, which takes whatever is sent.
private final class Octets: Streams.Stream {
    private var octets: [UInt8]
    private var position = 0
    var peerFingerprint: Fingerprint? { nil }
    var network: Network? { nil }
    var owner: (any StreamOwner)?

    init(_ octets: [UInt8]) { self.octets = octets }

    func receive(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress {
        let count = min(buffer.count, octets.count - position)
        guard count > 0 else { return .ended }
        buffer.copyBytes(from: octets[position..<position + count])
        position += count
        return .octets(count)
    }

    func send(_ octets: UnsafeRawBufferPointer, more: Bool) -> StreamProgress { .octets(octets.count) }
    func sendFile(_ file: Int32, offset: Int64, count: Int) -> StreamProgress { .failed }
    func wait(for readiness: StreamReadiness) {}
    func finishSending() {}
    func close() {}
}
