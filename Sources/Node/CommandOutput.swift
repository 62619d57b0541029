import CLinux
import System

/// Writes what a command was asked for to standard output. That it could not be written ends the command: half a key or half a
/// file must not look whole to whoever reads the exit code.
package func writeOutput(_ octets: [UInt8]) throws(CommandError) {
    let output: Int32 = 1
    var written = 0
    while written < octets.count {
        let count = octets.withUnsafeBytes { maud_write(output, $0.baseAddress?.advanced(by: written), $0.count - written) }
        if count == 0 { throw CommandError(.inputOutput, "cannot write to standard output") }
        if count < 0 {
            let error = SystemError(code: Int32(truncatingIfNeeded: -count), call: "write")
            throw CommandError(.inputOutput, "cannot write to standard output: \(error.description)")
        }
        written += count
    }
}
