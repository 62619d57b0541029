import ArgumentParser
import Companion
import Node

struct Devices: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the devices on the network, and the friends who are not there.",
        discussion: """
            An announcement proves nothing, so each address is connected to: "proven" means that whoever answers there has the key with this fingerprint.

              mau devices
              mau devices --peer 19f1e8140ccff20e077c6e7807f5217e6e0e2e26=greenhouse.lan:8448 --json
            """)

    @OptionGroup(title: "Account") var account: AccountOptions
    @OptionGroup(title: "Network") var network: NetworkOptions
    @OptionGroup var output: OutputOptions

    @Option(help: ArgumentHelp("How long to listen to announcements.", valueName: "seconds"))
    var wait: Double = 2

    func validate() throws {
        guard (0...60).contains(wait) else { throw ValidationError("--wait takes 0 to 60 seconds") }
    }

    func run() throws {
        let desk = try Desk(network.place(account))
        defer { desk.close() }
        let seen = try desk.network().look(seconds: wait)
        try writeOutput(output.json ? seen.json : seen.table)
    }
}
