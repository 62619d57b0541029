import Account
import Board
import Commands
import Content
import EventLoop
import GnuPG
import JSON
import OpenPGP
import Readings
import Server
import System

extension RunningNode {
    /// What `maud status` prints (docs/status.md): one JSON object.
    func report() -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.key("version"); json.string(maudVersion)
        json.key("fingerprint"); json.string(octets: account.fingerprint.hexadecimal)
        json.key("listeners"); json.beginObject()
        json.key("http"); json.string(octets: address.description(port: Int(listener.port)).octets)
        if let secure { json.key("https"); json.string(octets: secure.description.octets) }
        json.endObject()
        secure?.write(to: &json)
        json.member("uptimeSeconds", (loop.now - started) / nanosecondsPerSecond)
        json.key("clockState"); json.string(clock.state == .set ? "clockSet" : "clockUnset")
        json.member("derivationMilliseconds", account.derivationMilliseconds)
        json.member("wakeUps", Int64(loop.wakeUps))
        json.member("timers", loop.timerCount)
        json.key("claimable"); json.boolean(claim.isClaimable)
        writeMemory(&json)
        writeContent(&json)
        writeReadings(&json)
        writeCommands(control.commander, &json)
        json.key("server"); server.counters.write(to: &json, openConnections: server.openConnections)
        following?.write(to: &json)
        bluetooth?.write(to: &json)
        json.member("friends", friends.all.count)
        json.member("openPGPOperations", gnuPG.pending)
        json.endObject()
        return json.bytes + [0x0A]
    }

    private func writeMemory(_ json: inout JSONWriter) {
        let memory = MemoryUsage.current()
        json.key("memory"); json.beginObject()
        json.member("privateDirtyKiB", memory.privateDirty)
        json.member("proportionalKiB", memory.proportional)
        json.endObject()
    }

    private func writeContent(_ json: inout JSONWriter) {
        let totals = store.totals
        json.key("content"); json.beginObject()
        json.member("files", totals.files)
        json.member("versions", totals.versions)
        json.member("octets", totals.octets)
        json.member("directories", store.followed.count)
        json.member("examined", store.counters.examined)
        json.member("cached", store.counters.cached)
        json.member("published", store.counters.published)
        json.member("removed", store.counters.removed)
        json.member("unwatched", store.counters.unwatched)
        json.member("rescans", store.counters.rescans)
        json.endObject()
    }

    private func writeCommands(_ commander: Commander, _ json: inout JSONWriter) {
        let counters = commander.counters
        json.key("commands"); json.beginObject()
        json.member("completed", counters.completed)
        json.member("failed", counters.failed)
        json.member("repeated", counters.repeated)
        json.member("unacceptable", counters.unacceptable)
        json.member("turnedAway", counters.turnedAway)
        json.member("controllerChanges", counters.controllerChanges)
        json.member("keysTakenOver", counters.keysTakenOver)
        json.member("writeFailures", counters.writeFailures)
        json.member("remembered", commander.remembered)
        json.endObject()
        json.key("actuators"); json.beginObject()
        for (index, actuator) in board.actuators.enumerated() {
            json.key(octets: Array(actuator.name.utf8))
            if let value = actuators.value(index) { json.number(value, decimals: actuator.decimals) } else { json.null() }
        }
        json.endObject()
        json.member("actuatorFailures", actuators.failures)
        json.member("actuatorReleases", actuators.releases)
    }

    private func writeReadings(_ json: inout JSONWriter) {
        let counters = publisher.counters
        json.key("readings"); json.beginObject()
        json.member("sensors", board.sensors.count)
        json.member("taken", counters.readings)
        json.member("dropped", counters.readingsDropped)
        json.member("batches", counters.batches)
        json.member("failures", counters.failures)
        json.member("batchesRemoved", counters.batchesRemoved)
        json.member("batchesRemovedForSpace", counters.batchesRemovedForSpace)
        json.member("quotaTaken", counters.quotaTaken)
        json.endObject()
    }
}
