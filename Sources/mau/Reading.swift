import ArgumentParser
import Companion
import Node

/// Whether devices are asked before what is here is shown.
struct FreshnessOptions: ParsableArguments {
    @Flag(help: "Show what was fetched earlier; do not go to the network.")
    var offline = false
}

struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what a device can do: sensors, actuators, units, limits.",
        discussion: """
            All of it comes from documents that the device has signed.

              mau show greenhouse          by its name
              mau show 19f1e814            by the beginning of its fingerprint, 8 digits or more
            """)

    @Argument(help: "A friend's name, or the beginning of its fingerprint.") var device: String
    @OptionGroup(title: "Account") var account: AccountOptions
    @OptionGroup(title: "Network") var network: NetworkOptions
    @OptionGroup var freshness: FreshnessOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let desk = try Desk(network.place(account))
        defer { desk.close() }
        let known = try desk.devices([device], offline: freshness.offline)
        if !freshness.offline { try desk.refresh(known) }
        let sheet = try desk.sheet(known[0].fingerprint)
        try writeOutput(output.json ? sheet.json : sheet.text)
    }
}

struct Get: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the latest readings, each verified.",
        discussion: """
              mau get                          everything that followed devices measure
              mau get temperature              one sensor, when only one device has it
              mau get greenhouse/temperature   one sensor of one device
              mau get greenhouse --json        all sensors of a device
            """)

    @Argument(help: "Devices, sensors or DEVICE/SENSOR (default: everything).") var names: [String] = []
    @OptionGroup(title: "Account") var account: AccountOptions
    @OptionGroup(title: "Network") var network: NetworkOptions
    @OptionGroup var freshness: FreshnessOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let desk = try Desk(network.place(account))
        defer { desk.close() }
        let selection = try desk.selection(about: names, offline: freshness.offline)
        let latest = try desk.latest(desk.sensors(names, in: selection))
        try writeOutput(output.json ? latest.json : latest.table)
        if !names.isEmpty, latest.all.allSatisfy({ $0.reading == nil }) { throw CommandError(.noInput, "there is no reading of that here") }
    }
}
