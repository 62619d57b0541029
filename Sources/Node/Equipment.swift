import Account
import Board
import Commands
import Content
import EventLoop
import Readings
import Server
import System

/// What is made from a board, at the start and by each reload: sensors, chains, actuators, and the judging of commands.
extension RunningNode {
    static func limits(_ board: Board) -> Store.Limits {
        var limits = Store.Limits()
        limits.versionCount = board.versionCount
        limits.versionOctets = board.versionOctets
        return limits
    }

    /// The sensors' readings go to the publisher; while the clock is unset without a time.
    static func sampler(_ board: Board, loop: EventLoop, worker: Worker, clock: NodeClock, system: SystemClock,
                        publisher: ReadingsPublisher) -> SensorSampler {
        SensorSampler(sensors: board.sensors, loop: loop, worker: worker, clock: system) { reading in
            publisher.record(sensor: reading.sensor, Reading(result: reading.result.mapError { $0.fault }, time: clock.state == .set ? reading.realtime : nil,
                                                             sinceBoot: reading.sinceBoot))
        }
    }

    static func control(_ board: Board, _ account: UnlockedAccount, _ backend: NodeBackend, _ worker: Worker, _ actuators: ActuatorBank, _ claim: Claim,
                        _ loop: EventLoop) -> Control {
        Control(board: board, account: account, bootID: bootID(), backend: CommandStore(backend: backend, account: account, worker: worker), actuators: actuators, claim: claim, loop: loop)
    }

    /// Makes anew what is made from a board.
    func equip(_ board: Board) {
        self.board = board
        store.limits = RunningNode.limits(board)
        publisher = ReadingsPublisher(board: board, fingerprint: account.fingerprint, bootID: RunningNode.bootID(), backend: backend, loop: loop)
        publications = Publications(board: board, fingerprint: account.fingerprint, backend: backend)
        sampler = RunningNode.sampler(board, loop: loop, worker: worker, clock: clock, system: SystemClock(), publisher: publisher)
        actuators = ActuatorBank(actuators: board.actuators, loop: loop, worker: worker)
        control = RunningNode.control(board, account, backend, worker, actuators, claim, loop)
        server.receiver = control
    }

    /// Begins with it, when the index stands and the friends are known. `published` is called when the device document says what holds.
    func startEquipment(_ published: @escaping () -> Void) {
        actuators.start()
        control.watch(store)
        publisher.start()
        publisher.friendsAreLoaded()
        do throws(SystemError) { try control.start(state: state, worker: worker) } catch { return fail(error) }
        sampler.start()
        publications.publish(done: published)
    }
}
