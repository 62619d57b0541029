import Account
import Board
import Commands
import Content
import EventLoop
import OpenPGP
import Readings
import Server
import System

/// Reads board.json again on SIGHUP, while everything else of the node goes on: no connection, no friend, no index is touched.
///
/// First what was read is published and what was commanded is carried out, with the former board. Then the actuators take their safe
/// values, and sensors, chains, actuators and the judging of commands begin anew with the new one, as at a start. A board.json that
/// is not right changes nothing.
final class Reload {
    private enum Phase { case idle, publishing, releasing, starting }

    private unowned(unsafe) let node: RunningNode
    private let path: String
    private var phase = Phase.idle
    private var board: Board?
    private var isWantedAgain = false
    private var deadline: Int64 = 0
    /// Command files that the former control had not judged yet.
    private var commands: [(directory: Fingerprint, name: [UInt8], time: Int64)] = []
    /// What of a former board hangs in the kernel: while it does, so does the worker, and no board is replaced.
    private var former: [(ActuatorBank, Control)] = []
    private lazy var timer = Timer { [unowned(unsafe) self] in proceed() }

    /// How often it is looked whether everything is at rest, and how long that may take: a full disk is not waited for.
    private static let pause: Int64 = 20_000_000
    private static let patience = 10 * nanosecondsPerSecond
    /// A program that sets an actuator is killed before.
    private static let release = Int64(Bounds.commandSeconds + 5) * nanosecondsPerSecond

    init(_ node: RunningNode, path: String) {
        self.node = node
        self.path = path
    }

    /// The node ends: what was begun is not finished.
    func cancel() {
        isWantedAgain = false
        node.loop.cancel(timer)
    }

    /// Begins. While it is under way, it will begin again afterwards.
    func begin() {
        guard phase == .idle else { return isWantedAgain = true }
        isWantedAgain = false
        former.removeAll { $0.0.isIdle && $0.1.isIdle }
        node.manager.reloading()
        guard node.isPublishing else { return refuse("the node is starting: try again") }
        do throws(BoardError) {
            var read = try Board.load(path: path)
            read.leaveOutAbsentSensors(loop: node.loop)
            board = read
        } catch { return refuse(error.description) }
        phase = .publishing
        deadline = node.loop.now + Reload.patience
        node.sampler.stop()
        proceed()
    }

    private func proceed() {
        let isAtRest = node.control.isIdle && node.worker.pending == 0
        switch phase {
        case .idle, .starting: return
        case .publishing:
            node.publisher.flush()
            if isAtRest, node.publisher.isAtRest { return releaseActuators() }
            if node.loop.now >= deadline {
                node.sampler.start()
                return refuse("readings cannot be stored, or commands take too long")
            }
        case .releasing:
            if isAtRest, node.actuators.isIdle { return replace() }
            if node.loop.now >= deadline {
                former.append((node.actuators, node.control))
                return replace()
            }
        }
        node.loop.schedule(timer, after: Reload.pause)
    }

    private func releaseActuators() {
        phase = .releasing
        deadline = node.loop.now + Reload.release
        commands = node.control.waiting
        node.control.stop()
        node.actuators.stop()
        proceed()
    }

    /// Everything of the former board is at rest.
    private func replace() {
        guard let board else { return }
        phase = .starting
        self.board = nil
        let counters = (node.publisher.counters, node.control.commander.counters, node.actuators.failures, node.actuators.releases)
        node.publisher.close()
        node.equip(board)
        (node.publisher.counters, node.control.commander.counters, node.actuators.failures, node.actuators.releases) = counters
        node.control.waiting = commands
        commands = []
        node.startEquipment { [unowned(unsafe) self] in
            var log = Log("board-reloaded")
            log.field("sensors", node.board.sensors.count)
            log.field("actuators", node.board.actuators.count)
            log.write()
            finish()
        }
    }

    private func refuse(_ reason: Message) {
        var log = Log("board-refused")
        log.field("reason", reason)
        log.write()
        finish()
    }

    private func finish() {
        phase = .idle
        node.manager.reloaded()
        if isWantedAgain { begin() }
    }
}
