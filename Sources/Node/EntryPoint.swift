import System

/// The program: called by main() in C with its arguments.
@c(maud_main)
public func maudMain(_ argc: Int32, _ argv: UnsafePointer<UnsafePointer<CChar>?>) -> Int32 {
    Output.standardError("maud: no command\n")
    return ExitCode.usage.rawValue
}
