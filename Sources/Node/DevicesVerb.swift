import Board
import System

/// `maud devices`: for whoever makes a unit, a udev rule or a container for a board (docs/unit.md).
extension CommandLineInterface {
    static var devicesVerb: Verb { Verb(
        name: "devices", summary: "check board.json and print what a unit must allow for it: devices, and paths that are written",
        options: [OptionDescription("--board", "FILE", required: true, "what is attached (board.json)")], arguments: []) { (invocation) throws(CommandError) in
            let board: Board
            let path = try invocation.required("--board")
            do throws(BoardError) { board = try Board.load(path: path) } catch { throw CommandError(error.exitCode, error.description) }
            var text: [UInt8] = []
            for path in board.devicePaths {
                text.append(contentsOf: path.utf8)
                text.append("\n")
            }
            try writeOutput(text)
        }
    }
}
