import EventLoop
import JSON
import OpenPGP
import Peer
import System

extension Syncer {
    /// What `maud status` says (docs/status.md).
    public func write(to json: inout JSONWriter) {
        json.beginObject()
        json.member("visits", counters.visits)
        json.member("failedVisits", counters.failedVisits)
        json.member("underWay", friends.count { $0.pass != nil })
        json.member("octetsReceived", friends.reduce(into: octetsReceived) { $0 += $1.pass?.connection?.octetsReceived ?? 0 })
        counters.writeFiles(to: &json)
        json.key("friends"); json.beginArray()
        for friend in friends { write(friend, to: &json) }
        json.endArray()
        json.endObject()
    }

    private func write(_ friend: FollowedFriend, to json: inout JSONWriter) {
        json.beginObject()
        json.key("fingerprint"); json.string(octets: friend.fingerprint.hexadecimal)
        json.member("addresses", friend.addresses.count)
        if let address = friend.lastGood { json.key("lastAddress"); json.string(octets: address.description.octets) }
        json.member("visits", friend.counters.visits)
        json.member("failedVisits", friend.counters.failedVisits)
        if let last = friend.lastSuccess { json.key("secondsSinceLastVisit"); json.number((loop.now - last) / nanosecondsPerSecond) }
        if let problem = friend.problem { json.key("problem"); json.string(octets: problem.octets) }
        // What lies behind them nobody can tell: its listing says nothing of it.
        if friend.listsOnlyFirst { json.key("reachableFiles"); json.number(Bounds.listedByGo) }
        friend.counters.writeFiles(to: &json)
        if let refusal = friend.lastRefusal {
            json.key("lastRefused"); json.beginObject()
            json.key("file"); json.string(octets: refusal.file.text.utf8)
            json.key("reason"); json.string(octets: refusal.reason.octets)
            json.endObject()
        }
        json.endObject()
    }
}

extension SyncCounters {
    fileprivate func writeFiles(to json: inout JSONWriter) {
        json.member("files", files)
        json.member("resumed", resumed)
        json.member("vanished", vanished)
        json.key("refused"); json.beginObject()
        let names: InlineArray<6, StaticString> = ["paths", "sizes", "sums", "signatures", "bombs", "notForUs"]
        for kind in 0..<6 where refused[kind] > 0 { json.key(names[kind]); json.number(refused[kind]) }
        json.endObject()
    }
}
