import HTTP
import JSON

/// What `maud status` says about the server; everything since the start.
public struct Counters: Equatable, Sendable {
    /// Requests answered, refused ones included.
    public var requests: UInt64 = 0
    /// Answers by class: 2xx, 3xx, 4xx, 5xx.
    public var succeeded: UInt64 = 0
    public var notModified: UInt64 = 0
    public var clientErrors: UInt64 = 0
    public var serverErrors: UInt64 = 0
    /// Connections taken, the refused ones included.
    public var connections: UInt64 = 0
    /// Connections that got 503, or nothing, because all places were taken.
    public var refused: UInt64 = 0
    /// Idle connections closed to make room.
    public var evicted: UInt64 = 0
    /// Connections closed because a head or progress took too long; idle ones are not counted.
    public var timeouts: UInt64 = 0
    /// HTTP/2 connections ended because of too many frames that bring nobody on.
    public var floods: UInt64 = 0
    /// Times that accepting paused for want of descriptors.
    public var acceptPauses: UInt64 = 0
    /// Listings rendered, and responses given up because listings took too much memory.
    public var listingsRendered: UInt64 = 0
    public var listingsAborted: UInt64 = 0
    /// Octets sent, heads included.
    public var octetsSent: UInt64 = 0

    public init() {}

    mutating func count(_ status: Status) {
        requests += 1
        switch status.rawValue {
        case ..<300: succeeded += 1
        case ..<400: notModified += 1
        case ..<500: clientErrors += 1
        default: serverErrors += 1
        }
    }

    /// Writes the counters as one object.
    public func write(to writer: inout JSONWriter, openConnections: Int) {
        writer.beginObject()
        write("requests", requests, &writer)
        write("status2xx", succeeded, &writer)
        write("status3xx", notModified, &writer)
        write("status4xx", clientErrors, &writer)
        write("status5xx", serverErrors, &writer)
        write("connections", connections, &writer)
        write("openConnections", UInt64(openConnections), &writer)
        write("refused", refused, &writer)
        write("evicted", evicted, &writer)
        write("timeouts", timeouts, &writer)
        write("floods", floods, &writer)
        write("acceptPauses", acceptPauses, &writer)
        write("listingsRendered", listingsRendered, &writer)
        write("listingsAborted", listingsAborted, &writer)
        write("octetsSent", octetsSent, &writer)
        writer.endObject()
    }

    private func write(_ key: StaticString, _ value: UInt64, _ writer: inout JSONWriter) {
        writer.key(key)
        writer.number(Int64(clamping: value))
    }
}
