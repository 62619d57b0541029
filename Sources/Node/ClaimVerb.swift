import Account
import CLinux
import System

/// `maud claim-code`: what a new owner needs, as long as there is none (docs/claim.md).
extension CommandLineInterface {
    static var claimCodeVerb: Verb { Verb(
        name: "claim-code", summary: "show the code with which a new owner claims this node",
        options: [CommonOptions.root, OptionDescription("--qr", nil, "as a QR code too, by the program qrencode; at a terminal always"), CommonOptions.runtime],
        arguments: []) { (invocation) throws(CommandError) in
            let files = ClaimFiles(root: try invocation.required("--root"), file: "")
            if files.isOwned { throw CommandError(.noInput, "this node has an owner, who can add others") }
            files.look()
            guard files.isClaimable else { throw CommandError(.noInput, "there is no claim code; maud init and maud run make one") }
            try show(files, withPicture: invocation.has("--qr") || maud_is_terminal(1))
        }
    }

    /// The URI on one line, then perhaps a picture of it.
    @inline(never)
    static func show(_ files: ClaimFiles, withPicture: Bool) throws(CommandError) {
        let uri = files.uri
        try writeOutput(uri + [0x0A])
        if withPicture, !maud_show_qr(uri, uri.count) {
            Output.standardError("maud: for a QR code the program qrencode is needed (apt install qrencode)\n" as Message)
        }
    }
}
