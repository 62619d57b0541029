import CLinux
import CMbedTLS
import EventLoop
import OpenPGP
import Streams
import System

/// What a connection is for, by ALPN (RFC 7301).
public enum ApplicationProtocol: Equatable, Sendable {
    case http1
    case http2

    var name: StaticString { self == .http2 ? "h2" : "http/1.1" }

    /// The names as C wants them, nil behind the last.
    static func names(_ protocols: [ApplicationProtocol]) -> UnsafeMutablePointer<UnsafePointer<CChar>?> {
        let names = UnsafeMutablePointer<UnsafePointer<CChar>?>.allocate(capacity: protocols.count + 1)
        for (index, one) in protocols.enumerated() { names[index] = UnsafeRawPointer(one.name.utf8Start).assumingMemoryBound(to: CChar.self) }
        names[protocols.count] = nil
        return names
    }
}

/// What all TLS streams of an identity share: its certificate, the configuration, the ticket keys. It outlives its streams.
public final class TLSContext {
    public let fingerprint: Fingerprint
    /// The certificate that peers get, in DER.
    public let certificate: [UInt8]
    let handle: OpaquePointer
    /// Files are read into this and encrypted from it; of use only within one call.
    let scratch: UnsafeMutableRawBufferPointer
    private let loop: EventLoop
    private let key: SigningKey
    private let names: UnsafeMutablePointer<UnsafePointer<CChar>?>, clientNames: UnsafeMutablePointer<UnsafePointer<CChar>?>
    /// Streams with octets that their carrier will not become ready for.
    private var waiting: [TLSStream] = []
    private var timer: Timer?

    /// Octets of one record (RFC 8446, section 5.1).
    static let recordOctets = 16 << 10

    /// - Parameters:
    ///   - key: filled in; it is used where it lies.
    ///   - protocols: what servers speak, in the order of preference.
    ///   - clientProtocols: what clients offer.
    public init(key: SigningKey, protocols: [ApplicationProtocol], clientProtocols: [ApplicationProtocol] = [.http1], loop: EventLoop) throws(SystemError) {
        guard let fingerprint = key.fingerprint, let certificate = Certificate.make(key) else { throw SystemError(code: ErrorNumber.invalid, call: "certificate") }
        names = ApplicationProtocol.names(protocols)
        clientNames = ApplicationProtocol.names(clientProtocols)
        guard let handle = maud_tls_create(key.pointer, certificate, certificate.count, names, clientNames, TLSStream.carrier) else {
            names.deallocate()
            clientNames.deallocate()
            throw SystemError(code: ErrorNumber.noMemory, call: "mbedtls")
        }
        self.handle = handle
        self.fingerprint = fingerprint
        self.certificate = certificate
        self.key = key
        self.loop = loop
        scratch = .allocate(byteCount: TLSContext.recordOctets, alignment: 16)
        timer = Timer { [unowned(unsafe) self] in wakeAll() }
    }

    deinit {
        maud_tls_free(handle)
        names.deallocate()
        clientNames.deallocate()
        scratch.deallocate()
    }

    /// Lets tests say what time it is for tickets, in seconds since boot.
    func setTicketClock(_ seconds: Int64) { maud_tls_set_clock(handle, seconds) }

    /// Tells `stream` soon that it is ready, after what else waits in this turn of the loop.
    func wake(_ stream: TLSStream) {
        guard !waiting.contains(where: { $0 === stream }) else { return }
        waiting.append(stream)
        if let timer, !timer.isScheduled { loop.schedule(timer, after: 0) }
    }

    func forget(_ stream: TLSStream) { waiting.removeAll { $0 === stream } }

    private func wakeAll() {
        var streams: [TLSStream] = []
        swap(&streams, &waiting)
        for stream in streams { stream.streamIsReady() }
    }
}
