import Board
import JSON
import OpenPGP
import System

/// Who may command: `controllers.json.pgp`, for those who may (docs/vocabulary.md, part 8).
public enum ControllerListDocument {
    public static var fileName: [UInt8] { Array("controllers.json.pgp") }

    /// The octets to sign.
    public static func octets(fingerprint: Fingerprint, controllers: [Fingerprint]) -> [UInt8] {
        var document = DocumentWriter(fingerprint: fingerprint)
        document.file("@id", fileName)
        document.type("ControllerList")
        document.deviceItself("device")
        document.audience(.group("controllers"))
        document.json.key("controller")
        document.json.beginArray()
        for controller in controllers { document.json.string(octets: Array<UInt8>("mau:") + controller.hexadecimal) }
        document.json.endArray()
        return document.finish()
    }
}
