import OpenPGP

/// Who may read what a sensor or an actuator publishes.
public enum Audience: Equatable, Sendable {
    /// Anyone: signed, not encrypted.
    case everyone
    /// The friends in a group of `.mau`.
    case group(String)
    /// These friends.
    case fingerprints([Fingerprint])

    public static func == (a: Audience, b: Audience) -> Bool {
        switch (a, b) {
        case (.everyone, .everyone): true
        case (.group(let x), .group(let y)): x.utf8.elementsEqual(y.utf8)
        case (.fingerprints(let x), .fingerprints(let y)): x == y
        default: false
        }
    }
}
