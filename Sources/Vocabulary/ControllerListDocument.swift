import Board
import JSON
import OpenPGP
import System

/// Who may command: `controllers.json.pgp`, for those who may (docs/vocabulary.md, part 8).
public enum ControllerListDocument {
    public static var fileName: [UInt8] { Array("controllers.json.pgp") }

    /// The octets to sign: the same for the same controllers.
    public static func octets(fingerprint: Fingerprint, controllers: [Fingerprint]) -> [UInt8] {
        var names = controllers.map { Array<UInt8>("mau:") + $0.hexadecimal }
        sort(count: names.count, isLess: { names[$0].lexicographicallyPrecedes(names[$1]) }, swap: { names.swapAt($0, $1) })
        var document = DocumentWriter(fingerprint: fingerprint)
        document.file("@id", fileName)
        document.type("ControllerList")
        document.deviceItself("device")
        document.audience(.group("controllers"))
        document.json.key("controller")
        document.json.beginArray()
        for name in names { document.json.string(octets: name) }
        document.json.endArray()
        return document.finish()
    }
}
