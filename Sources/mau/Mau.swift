import ArgumentParser
import Companion
import Node
import System

/// The program `mau`: the words of its command line, and how it ends.
@main
struct Mau: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mau",
        abstract: "The companion of maud for a PC: sees what devices measure, sets what they can set, and checks their signatures.",
        discussion: """
            It works on an ordinary Mau directory (--root, $MAU_ROOT or ~/Mau) with your account and your friends' keys in it.

              mau init --name "Ada"                          an identity of your own
              mau claim                                      a device that has no owner yet, by the code that it shows
              mau friend add --follow greenhouse.pgp         a device of somebody else, by its public key
              mau devices                                    who is on the network
              mau get temperature                            the latest reading, verified
              mau set LED on                                 a signed command, and the signed answer

            docs/mau.md describes every verb, its output and its exit codes.
            """,
        version: "mau \(maudVersion)",
        groupedSubcommands: [
            CommandGroup(name: "You:", subcommands: [Init.self, Key.self, FriendCommand.self]),
            CommandGroup(name: "Devices:", subcommands: [Devices.self, ClaimVerb.self, Show.self, Get.self, SetVerb.self, WatchVerb.self, Controllers.self, HandOver.self]),
            CommandGroup(name: "What was collected:", subcommands: [Sync.self, Browse.self, Verify.self, Open.self, Export.self]),
        ])

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let error as CommandError {
            // Whoever read what was written has read enough: `mau browse | head` needs no sentence.
            if error.exitCode != .inputOutput || !Terminal.isOutputClosed { Desk.note(error.message) }
            exit(withError: ArgumentParser.ExitCode(error.exitCode.rawValue))
        } catch { exit(withError: error) }
    }
}
