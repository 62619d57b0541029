import ArgumentParser
import Companion
import Node

struct SetVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Set an actuator: a signed command, and the device's signed answer.",
        discussion: """
            The device must have you in its group "controllers". When it cannot be reached, the command waits as a file in your directory for a device that follows you.

              mau set LED on
              mau set greenhouse/window 40
              mau set mau:19f1e8140ccff20e077c6e7807f5217e6e0e2e26#led 1 --json

            It ends with 0 when the device has set it, and with the reason on standard error when not: 65 refused, 77 you are no controller, 74 the actuator failed,
            75 no answer yet.
            """)

    @Argument(help: "NAME, DEVICE/NAME or mau:FINGERPRINT#NAME.") var target: String
    @Argument(help: "on or off for a switch, else a number, perhaps with its unit.") var value: String
    @Option(help: ArgumentHelp("How long to wait for the answer of a device that fetches the command.", valueName: "seconds")) var wait: Double = 30
    @OptionGroup(title: "Account") var account: AccountOptions
    @OptionGroup(title: "Network") var network: NetworkOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (0...600).contains(wait) else { throw ValidationError("--wait takes 0 to 600 seconds") }
    }

    func run() throws {
        let desk = try Desk(network.place(account))
        defer { desk.close() }
        let (device, actuator) = try desk.actuator(target)
        let outcome = try Setting(desk, device: device, actuator: actuator, value: try actuator.value(value), patience: wait).run()
        if output.json { try writeOutput(outcome.json) } else if outcome.problem == nil { try writeOutput(outcome.text) }
        if let problem = outcome.problem { throw CommandError(outcome.exitCode, problem) }
    }
}
