import ArgumentParser
import Companion
import Glibc
import Node
import System

struct ClaimVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "claim", abstract: "Become the owner of a device that has none, with its claim code.",
        discussion: """
            The device shows its code: maud claim-code on the board, a file on its boot partition, a QR code. With the code alone every device on the local network (with --bluetooth: in range) that waits
            for an owner is tried. Without an argument it asks, so that the code is not among the arguments that everybody on this machine can see.

              mau claim
              mau claim --bluetooth
              mau claim 0123A-4567B-89CDE-FGHJK
              mau claim 'mau:19f1e8140ccff20e077c6e7807f5217e6e0e2e26?claim=0123A-4567B-89CDE-FGHJK'

            It ends with 0 when the device is yours: a friend whose files you follow, and whom you may command. 77: the code is wrong; 65: it has an owner already; 69: nobody is there.
            """)

    @Argument(help: ArgumentHelp("The claim code, or the URI with it (default: it is asked for).", valueName: "code|uri")) var code: String?
    @OptionGroup(title: "Account") var account: AccountOptions
    @OptionGroup(title: "Network") var network: NetworkOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let text = try code ?? ask()
        let desk = try Desk(network.place(account))
        defer { desk.close() }
        try writeOutput(Claiming(desk, text).run().report(json: output.json))
    }

    private func ask() throws -> String {
        if isatty(0) != 0 { Output.standardError("Claim code: " as Message) }
        guard let line = readLine(), !line.isEmpty else { throw CommandError(.usage, "there is no claim code") }
        return line
    }
}
