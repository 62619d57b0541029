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
        json.key("uptimeSeconds"); json.number((loop.now - started) / nanosecondsPerSecond)
        json.key("clockState"); json.string(clock.state == .set ? "clockSet" : "clockUnset")
        json.key("derivationMilliseconds"); json.number(account.derivationMilliseconds)
        json.key("wakeUps"); json.number(Int64(loop.wakeUps))
        json.key("claimable"); json.boolean(claim.isClaimable)
        writeMemory(&json)
        writeContent(&json)
        writeReadings(&json)
        writeCommands(control.commander, &json)
        json.key("server"); server.counters.write(to: &json, openConnections: server.openConnections)
        following?.write(to: &json)
        bluetooth?.write(to: &json)
        json.key("friends"); json.number(friends.all.count)
        json.key("openPGPOperations"); json.number(gnuPG.pending)
        json.endObject()
        return json.bytes + [0x0A]
    }

    private func writeMemory(_ json: inout JSONWriter) {
        let memory = MemoryUsage.current()
        json.key("memory"); json.beginObject()
        json.key("privateDirtyKiB"); json.number(memory.privateDirty)
        json.key("proportionalKiB"); json.number(memory.proportional)
        json.endObject()
    }

    private func writeContent(_ json: inout JSONWriter) {
        let totals = store.totals
        json.key("content"); json.beginObject()
        json.key("files"); json.number(totals.files)
        json.key("versions"); json.number(totals.versions)
        json.key("octets"); json.number(totals.octets)
        json.key("directories"); json.number(store.followed.count)
        json.key("examined"); json.number(store.counters.examined)
        json.key("cached"); json.number(store.counters.cached)
        json.key("published"); json.number(store.counters.published)
        json.key("removed"); json.number(store.counters.removed)
        json.key("unwatched"); json.number(store.counters.unwatched)
        json.key("rescans"); json.number(store.counters.rescans)
        json.endObject()
    }

    private func writeCommands(_ commander: Commander, _ json: inout JSONWriter) {
        let counters = commander.counters
        json.key("commands"); json.beginObject()
        json.key("completed"); json.number(counters.completed)
        json.key("failed"); json.number(counters.failed)
        json.key("repeated"); json.number(counters.repeated)
        json.key("unacceptable"); json.number(counters.unacceptable)
        json.key("turnedAway"); json.number(counters.turnedAway)
        json.key("controllerChanges"); json.number(counters.controllerChanges)
        json.key("keysTakenOver"); json.number(counters.keysTakenOver)
        json.key("writeFailures"); json.number(counters.writeFailures)
        json.key("remembered"); json.number(commander.remembered)
        json.endObject()
        json.key("actuators"); json.beginObject()
        for (index, actuator) in board.actuators.enumerated() {
            json.key(octets: Array(actuator.name.utf8))
            if let value = actuators.value(index) { json.number(value, decimals: actuator.decimals) } else { json.null() }
        }
        json.endObject()
        json.key("actuatorFailures"); json.number(actuators.failures)
        json.key("actuatorReleases"); json.number(actuators.releases)
    }

    private func writeReadings(_ json: inout JSONWriter) {
        let counters = publisher.counters
        json.key("readings"); json.beginObject()
        json.key("sensors"); json.number(board.sensors.count)
        json.key("taken"); json.number(counters.readings)
        json.key("dropped"); json.number(counters.readingsDropped)
        json.key("batches"); json.number(counters.batches)
        json.key("failures"); json.number(counters.failures)
        json.key("batchesRemoved"); json.number(counters.batchesRemoved)
        json.key("batchesRemovedForSpace"); json.number(counters.batchesRemovedForSpace)
        json.key("quotaTaken"); json.number(counters.quotaTaken)
        json.endObject()
    }
}
