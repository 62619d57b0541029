import Board
import OpenPGP
import System
import Vocabulary

/// Decides whether a command of a friend is carried out. It looks at nothing but what it is given, and changes only which challenges
/// were used.
struct CommandJudge {
    let device: Fingerprint
    let actuators: [Actuator]
    /// Milliseconds that startTime may be from the device's time.
    let window: Int64

    /// What a command sets: an actuator of the board and a value within its limits, scaled.
    struct Setting: Equatable {
        let actuator: Int
        let value: Int64
    }

    /// What is to be done. Of changes of controllers and keys, what the keys themselves say is judged afterwards.
    enum Verdict: Equatable {
        case set(Setting)
        case changeControllers
    }

    /// Who signed a command, and what is known of them.
    struct Sender {
        let fingerprint: Fingerprint
        let isController: Bool
        /// Milliseconds since 1970, whole seconds.
        let signatureTime: Int64
    }

    /// The clauses of docs/commands.md, part 4, in their order.
    func judge(_ command: Command, from sender: Sender, clock: NodeClock, ledger: Ledger, challenges: inout Challenges) -> Result<Verdict, CommandFault> {
        // What a key says of itself needs nobody's leave: its own signatures prove it.
        guard sender.isController || (command.kind == .renewKey && command.target == sender.fingerprint.hexadecimal) else { return .failure(.notController) }
        guard command.device == device else { return .failure(.wrongDevice) }
        let issued = use(command.challenge, clock, &challenges)
        if let error = judgeTime(command, sender, clock, ledger, issued) { return .failure(error) }
        var verdict = Verdict.changeControllers
        if command.kind == .set {
            guard let actuator = actuators.firstIndex(where: { $0.name.utf8.elementsEqual(command.target) }) else { return .failure(.unknownTarget) }
            guard let value = value(command.value, for: actuators[actuator]) else { return .failure(.outOfLimits) }
            verdict = .set(Setting(actuator: actuator, value: value))
        }
        return isInOrder(command, sender, ledger, hasChallenge: issued != nil) ? .success(verdict) : .failure(.reordered)
    }

    /// A clock that was ahead, here and there, may have put the highest startTime years ahead: then a command that a challenge proves to be new
    /// only has to be later than those that came so. Further than a challenge lasts, so that it changes nothing among commands by one right clock.
    private func isInOrder(_ command: Command, _ sender: Sender, _ ledger: Ledger, hasChallenge: Bool) -> Bool {
        guard let highest = ledger.highestStart(sender.fingerprint, command.order), command.startTime <= highest else { return true }
        let (distance, overflow) = highest.subtractingReportingOverflow(command.startTime)
        guard hasChallenge, overflow || distance > max(window, Int64(Bounds.challengeSeconds) * 1000) else { return false }
        return ledger.highestByChallenge(sender.fingerprint, command.order).map { command.startTime > $0 } ?? true
    }

    /// Uses a challenge. It proves by itself that the command was signed since it was given out: when that was, in nanoseconds since boot; nil when it is not good.
    private func use(_ challenge: Challenge?, _ clock: NodeClock, _ challenges: inout Challenges) -> Int64? {
        guard let challenge, let time = challenges.issued(challenge, sinceBoot: clock.sinceBoot), challenges.use(challenge, sinceBoot: clock.sinceBoot) else { return nil }
        return time
    }

    private func judgeTime(_ command: Command, _ sender: Sender, _ clock: NodeClock, _ ledger: Ledger, _ issued: Int64?) -> CommandFault? {
        guard clock.state == .set else {
            guard let issued else { return .clockNotSet }
            // Signed after the challenge was given out, so it is no older than that.
            if let end = command.endTime, (clock.sinceBoot - issued) / 1_000_000 > end - command.startTime { return .expired }
            return nil
        }
        let now = clock.now / 1_000_000
        guard abs(command.startTime - now) <= window else { return .outsideWindow }
        if let end = command.endTime, end <= now { return .expired }
        return issued == nil && ledger.isForgotten(startTime: command.startTime, signatureTime: sender.signatureTime) ? .ledgerLost : nil
    }

    /// The value scaled like the actuator's limits, when it is one that the actuator can have.
    private func value(_ given: ActuatorValue?, for actuator: Actuator) -> Int64? {
        guard let given, let scaled = Decimal(given.value, exponent: -given.decimals).exactly(decimals: actuator.decimals),
              scaled >= actuator.minimum, scaled <= actuator.maximum, (scaled - actuator.minimum) % actuator.step == 0 else { return nil }
        return scaled
    }
}

extension CommandOutcome {
    /// See `Command.order`.
    var order: [UInt8] { kind == .set ? target : Command.controllersOrder }
}

extension Command {
    static var controllersOrder: [UInt8] { [0x2A] }
    /// What its `startTime` orders it among: the commands of its sender to the same actuator, or all about controllers and keys.
    var order: [UInt8] { kind == .set ? target : Command.controllersOrder }
}

extension Decimal {
    /// The number x 10^`decimals`, when that is an integer of 64 bits.
    fileprivate func exactly(decimals: Int) -> Int64? { exponent >= -decimals ? scaled(decimals) : nil }
}
