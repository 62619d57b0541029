/// Options that several verbs declare, with one wording.
package enum CommonOptions {
    static var root: OptionDescription { OptionDescription("--root", "DIR", required: true, "the Mau directory") }
    static var passphraseFile: OptionDescription {
        OptionDescription("--passphrase-file", "FILE", "the passphrase (default: the systemd credential \"passphrase\", else the terminal)")
    }
    static var runtime: OptionDescription {
        OptionDescription("--runtime", "DIR", "a directory in memory for GnuPG (default: $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR, /run or /dev/shm)")
    }
}
