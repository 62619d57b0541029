// swift-tools-version: 6.2
import PackageDescription

// Nothing here mentions Embedded Swift: boards/<board>/toolset.json switches it on for every target at once.
// In the regular build this setting reports, as warnings, code that the firmware build would reject.
let swift: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatWarning("EmbeddedRestrictions", as: .warning),
]

// The firmware's C is compiled for size; but for what ciphers and hashes do with each octet, where -Oz costs a third of the speed.
let small: CSetting = .unsafeFlags(["-Oz"], .when(configuration: .release))
let ciphers = ["aes", "aesce", "aesni", "chacha20", "chachapoly", "gcm", "poly1305", "sha256"].map { "library/\($0).c" }

// Only debug builds carry the hook through which tests make system calls fail.
let c: [CSetting] = [small, .define("MAUD_FAULTS", .when(configuration: .debug))]

// Embedded Swift does not autolink, so libraries are named here. libsodium, libjansson and libnghttp2 are linked
// statically; everything that Debian's security team patches as a shared library stays shared.
let libraries: [LinkerSetting] = [":libsodium.a", ":libjansson.a", ":libnghttp2.a", "gpgme", "gpg-error", "systemd", "m"].map { .linkedLibrary($0) }

/// A library target with its tests beside it; imports point down only (see docs/architecture.md).
func layer(_ name: String, _ dependencies: [Target.Dependency], tests: Bool = true, testsAlso: [Target.Dependency] = [], link: [LinkerSetting] = []) -> [Target] {
    let library = Target.target(name: name, dependencies: dependencies, swiftSettings: swift, linkerSettings: link)
    let testing = Target.testTarget(name: name + "Tests", dependencies: [.target(name: name), "TestSupport"] + dependencies + testsAlso, swiftSettings: [.swiftLanguageMode(.v6)])
    return tests ? [library, testing] : [library]
}

let companion: [Target.Dependency] = ["Central", "Bluetooth", "Node", "Discovery", "Syncer", "Peer", "HTTP", "Streams", "TLS", "Account", "GnuPG", "Readings", "Vocabulary", "Content", "JSON", "OpenPGP", "EventLoop", "System", "CLinux"]

let package = Package(
    name: "maud",
    products: [.executable(name: "maud", targets: ["maud"])],
    targets: [
        // C, thin: the kernel and libc behind functions that Swift can import, and the worker thread.
        .target(name: "CLinux", dependencies: ["CSodium"], cSettings: c),
        // Mbed TLS with our patches, unpacked by `make mbedtls` (docs/building.md): the parts that the configuration uses.
        .target(name: "MbedTLS", path: "third-party/mbedtls-source", exclude: ["LICENSE", "version"] + ciphers, sources: ["library", "3rdparty/p256-m"], publicHeadersPath: "include", cSettings: [
            small, .headerSearchPath("library"), .headerSearchPath("3rdparty/p256-m"), .headerSearchPath("3rdparty/p256-m/p256-m"),
            .headerSearchPath("3rdparty/p256-m/p256-m/include"),
        ]),
        .target(name: "MbedTLSCiphers", path: "third-party/mbedtls-source", exclude: ["LICENSE", "version"], sources: ciphers, publicHeadersPath: "library", cSettings: [
            .unsafeFlags(["-Os"], .when(configuration: .release)), .headerSearchPath("include"),
        ]),
        .target(name: "CMbedTLS", dependencies: ["MbedTLS", "MbedTLSCiphers", "CLinux", "CSodium"], cSettings: [small]), // TLS as functions that Swift can import
        .target(name: "CBus", dependencies: ["CLinux"], cSettings: [small]), // the system's message bus by sd-bus
        .target(name: "CAvahi", dependencies: ["CBus"], cSettings: [small]), // the Avahi daemon over it
        .target(name: "CBlueZ", dependencies: ["CBus"], cSettings: [small]), // and bluetoothd
        .target(name: "CCentral", dependencies: ["CBus"]), // bluetoothd as a client of nodes sees it, for a PC
        .systemLibrary(name: "CSodium"),
        .systemLibrary(name: "CNghttp2"),
        .systemLibrary(name: "CGPGME"),
        .systemLibrary(name: "CJansson"),
        .systemLibrary(name: "CSystemd"),
        .target(name: "CVocabulary"), // the vocabulary, deflated, in read-only data
        // For tests only: no product contains it.
        .target(name: "TestSupport", dependencies: ["CLinux"], path: "Tests/Support"),
        // Swift, lowest layer first.
    ]
    + layer("System", ["CLinux", "CSodium"], link: libraries)
    + layer("EventLoop", ["System", "CLinux"])
    + layer("MessageBus", ["CBus", "EventLoop", "System"])
    + layer("OpenPGP", ["System"])
    + layer("JSON", ["System", "CJansson", "CLinux"])
    + layer("Board", ["OpenPGP", "JSON", "EventLoop", "System", "CLinux"])
    + layer("Vocabulary", ["Board", "JSON", "OpenPGP", "System", "CVocabulary"])
    + layer("Content", ["OpenPGP", "EventLoop", "System", "CLinux"])
    + layer("GnuPG", ["CGPGME", "OpenPGP", "EventLoop", "System", "CLinux"])
    + layer("Account", ["GnuPG", "TLS", "CMbedTLS", "OpenPGP", "Content", "EventLoop", "System", "CLinux", "CSodium"])
    + layer("Readings", ["Vocabulary", "Board", "Content", "JSON", "OpenPGP", "EventLoop", "System", "CLinux"])
    + layer("Commands", ["Readings", "Vocabulary", "Board", "Content", "JSON", "OpenPGP", "EventLoop", "System", "CLinux", "CSodium"])
    + layer("Streams", ["OpenPGP", "EventLoop", "System", "CLinux"], tests: false)
    + layer("TLS", ["Streams", "CMbedTLS", "OpenPGP", "EventLoop", "System", "CLinux"])
    + layer("Bluetooth", ["CBlueZ", "MessageBus", "Board", "Streams", "OpenPGP", "EventLoop", "System", "CLinux"])
    + layer("HTTP", ["System"])
    + layer("Peer", ["HTTP", "TLS", "Streams", "Content", "OpenPGP", "EventLoop", "System", "CLinux"])
    + layer("Discovery", ["CAvahi", "MessageBus", "Peer", "OpenPGP", "EventLoop", "System", "CLinux"])
    + layer("Syncer", ["Peer", "HTTP", "Streams", "GnuPG", "Content", "JSON", "OpenPGP", "EventLoop", "System", "CLinux"])
    + layer("Server", ["HTTP", "CNghttp2", "Streams", "TLS", "Content", "OpenPGP", "JSON", "EventLoop", "System", "CLinux"], testsAlso: ["Bluetooth"])
    + layer("Node", ["CBus", "Bluetooth", "Discovery", "Syncer", "Peer", "TLS", "Account", "GnuPG", "Server", "Vocabulary", "Readings", "Commands", "CSystemd", "Board", "Content", "JSON", "OpenPGP", "EventLoop", "System", "CLinux"])
    + [.executableTarget(name: "maud", dependencies: ["Node"])]
    // For a PC only, so regular Swift without the firmware's restrictions: everything of `mau` but its command line.
    + [
        .target(name: "Central", dependencies: ["CCentral", "MessageBus", "Bluetooth", "Streams", "OpenPGP", "EventLoop", "System", "CLinux"], swiftSettings: [.swiftLanguageMode(.v6)]),
        .target(name: "Companion", dependencies: companion, swiftSettings: [.swiftLanguageMode(.v6)]),
        .testTarget(name: "CompanionTests", dependencies: ["Companion", "TestSupport", "Commands"] + companion, swiftSettings: [.swiftLanguageMode(.v6)]),
    ]
)

// The command line of `mau` needs swift-argument-parser, which nothing else does: only `make mau` fetches and compiles it (docs/building.md).
if Context.environment["MAUD_COMPANION"] != nil {
    package.dependencies.append(.package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"))
    package.products.append(.executable(name: "mau", targets: ["mau"]))
    package.targets.append(.executableTarget(
        name: "mau", dependencies: ["Companion", "Node", "Account", "Vocabulary", "JSON", "OpenPGP", "System", .product(name: "ArgumentParser", package: "swift-argument-parser")],
        swiftSettings: [.swiftLanguageMode(.v6)]))
}

// libFuzzer brings their main function, so only `make fuzz` builds them.
if Context.environment["MAUD_FUZZ"] != nil {
    func fuzz(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
        .executableTarget(name: name, dependencies: dependencies, path: "Tests/Fuzz/\(name)", swiftSettings: [.swiftLanguageMode(.v6), .unsafeFlags(["-parse-as-library"])])
    }
    package.targets += [
        fuzz("RequestFuzz", ["HTTP", "System"]),
        fuzz("ResponseFuzz", ["Peer", "HTTP", "Content", "System"]),
        fuzz("MessageFuzz", ["OpenPGP"]),
        fuzz("BoardFileFuzz", ["Board", "JSON", "OpenPGP", "Vocabulary"]),
        fuzz("FragmentFuzz", ["Bluetooth", "Streams", "EventLoop", "System"]),
        fuzz("TLSFuzz", ["TLS", "Streams", "OpenPGP", "EventLoop", "System"]),
        fuzz("CommandFuzz", ["Commands", "OpenPGP"]),
        fuzz("StateFuzz", ["Commands", "Content", "Syncer", "OpenPGP", "System"]),
        fuzz("HTTP2Fuzz", ["Server", "HTTP", "Content", "Streams", "OpenPGP", "EventLoop", "System"]),
        fuzz("NameFuzz", ["Content", "OpenPGP", "Readings", "System"]),
    ]
}
