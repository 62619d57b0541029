import EventLoop
import JSON
import Server
import System
import TLS

/// The TLS side of a running node: its identity, what is shaking hands, and where it listens.
final class SecureListener {
    let context: TLSContext
    let handshakes: Handshakes
    let listener: Listener
    private let address: ListenAddress

    /// Nil when the key is of a kind that TLS cannot use and nobody insists.
    init?(_ options: RunOptions, key: SigningKey, server: Server, loop: EventLoop) throws(CommandError) {
        address = options.https
        guard key.isSet else {
            let reason: Message = "the primary key is not one that TLS can use (Ed25519, or RSA of 2048 to 4096 bits)"
            if options.wantsHTTPS { throw CommandError(.dataError, reason) }
            var line = Log("no-tls")
            line.field("reason", reason)
            line.write()
            return nil
        }
        do throws(SystemError) {
            context = try TLSContext(key: key, protocols: [.http2, .http1], loop: loop)
        } catch { throw CommandError("cannot prepare TLS", error) }
        handshakes = Handshakes(context: context, server: server, loop: loop)
        listener = try address.listen(server: server, handshakes: handshakes, loop: loop)
    }

    /// ADDR:PORT that was really bound.
    var description: Message { address.description(port: Int(listener.port)) }

    func close() {
        listener.close()
        handshakes.close()
    }

    /// The member `tls` of `maud status`.
    func write(to json: inout JSONWriter) {
        let counters = handshakes.counters
        json.key("tls"); json.beginObject()
        json.member("handshakes", Int64(clamping: counters.completed))
        json.member("resumed", Int64(clamping: counters.resumed))
        json.member("identified", Int64(clamping: counters.identified))
        json.member("failed", Int64(clamping: counters.failed))
        json.member("timeouts", Int64(clamping: counters.timeouts))
        json.member("evicted", Int64(clamping: counters.evicted))
        json.member("underWay", handshakes.count)
        json.endObject()
    }
}
