import ArgumentParser
import Companion
import Node

struct Devices: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the devices on the network or in range of Bluetooth, and the friends who are not there.",
        discussion: """
            An announcement proves nothing, so each address is connected to: "proven" means that whoever answers there has the key with this fingerprint.

              mau devices
              mau devices --bluetooth         who is in range: how strong it is heard, and who waits for an owner
              mau devices --peer 19f1e8140ccff20e077c6e7807f5217e6e0e2e26=greenhouse.lan:8448 --json
            """)

    @OptionGroup(title: "Account") var account: AccountOptions
    @OptionGroup(title: "Network") var network: NetworkOptions
    @OptionGroup var output: OutputOptions

    @Option(help: ArgumentHelp("How long to listen to announcements (default: 2, by Bluetooth 5).", valueName: "seconds"))
    var wait: Double?

    func validate() throws {
        if let wait, !(0...60).contains(wait) { throw ValidationError("--wait takes 0 to 60 seconds") }
    }

    func run() throws {
        let desk = try Desk(network.place(account))
        defer { desk.close() }
        let seen = try desk.network().look(seconds: wait)
        try writeOutput(output.json ? seen.json : seen.table)
    }
}
