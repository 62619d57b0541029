import Board
import OpenPGP
import Readings
import System
import Vocabulary

/// Publishes what actuators are set to, for whom the board says (docs/commands.md, part 9): after each command, and when an actuator
/// took its safe state by itself.
///
/// One file of an actuator is under way at a time; what changes meanwhile goes out afterwards, the latest alone.
public final class StatePublisher {
    private struct Slot {
        let actuator: Actuator
        var isUnderWay = false
        var isWanted = false
    }

    private var slots: [Slot]
    private let device: Fingerprint
    private let bootID: [UInt8]
    private let backend: any CommandBackend
    /// What an actuator is set to now, scaled; nil when it is not known.
    public var value: (Int) -> Int64? = { _ in nil }
    /// Called when a state could not be published; `advance` tries again.
    var hasFailed: () -> Void = {}

    init(actuators: [Actuator], device: Fingerprint, bootID: [UInt8], backend: any CommandBackend) {
        slots = actuators.map { Slot(actuator: $0) }
        self.device = device
        self.bootID = bootID
        self.backend = backend
    }

    var isIdle: Bool { slots.allSatisfy { !$0.isUnderWay && !$0.isWanted } }

    /// Publishes the state of an actuator as it is now.
    public func publish(_ index: Int) {
        slots[index].isWanted = true
        if !slots[index].isUnderWay { publishNow(index) }
    }

    /// The same when a state was published before: after a start it may say something else than what holds.
    public func publishAgain() {
        for index in slots.indices where backend.file(ActuatorStateDocument.fileName(slots[index].actuator)) != nil { publish(index) }
    }

    /// Publishes what could not be published.
    func advance() {
        for index in slots.indices where slots[index].isWanted && !slots[index].isUnderWay { publishNow(index) }
    }

    private func publishNow(_ index: Int) {
        let actuator = slots[index].actuator, clock = backend.clock
        slots[index].isWanted = false
        slots[index].isUnderWay = true
        let document = ActuatorStateDocument(fingerprint: device, actuator: actuator, value: value(index), bootID: bootID, sinceBoot: clock.sinceBoot,
                                             time: clock.state == .set ? clock.now : nil)
        backend.sign(document.octets, for: actuator.audience) { [unowned(unsafe) self] result in
            guard case .success(let message) = result else { return finish(index, failure: result) }
            backend.store(ActuatorStateDocument.fileName(actuator), message, replacing: true) { [unowned(unsafe) self] result in
                finish(index, failure: result)
            }
        }
    }

    private func finish<Value>(_ index: Int, failure result: Result<Value, PublishingFailure>) {
        slots[index].isUnderWay = false
        if case .failure(let failure) = result {
            var log = Log("publishing-failed")
            log.field("actuator", slots[index].actuator.name)
            log.field("reason", failure.description)
            log.write()
            slots[index].isWanted = true
            return hasFailed()
        }
        if slots[index].isWanted { publishNow(index) }
    }
}
