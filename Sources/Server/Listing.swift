import Content
import OpenPGP
import System

/// A directory's complete listing, rendered once into a file in memory (memfd) and sent from there by sendfile: it is no
/// private memory of the process, and no connection has a copy.
///
/// `[{"path":"/p2p/<fingerprint>/<name>","size":N,"sum":"<sha256>"}, ...]`, oldest first, with what its viewer may see. Every entry is
/// followed by one octet, the comma or the closing bracket, so that a page or "everything since" is one stretch of it.
final class Listing {
    /// A place between two entries, and where it is in the file.
    struct Mark {
        /// The entry before it.
        var cursor: Cursor
        var offset: Int64
    }

    let file: OpenFile
    let fingerprint: Fingerprint
    let viewer: Viewer
    let generation: UInt64
    /// Octets of the whole.
    let count: Int64
    /// Nanoseconds since boot.
    let created: Int64
    var lastUsed: Int64
    /// Whether the directory has not changed since; cleared by the cache.
    var isCurrent = true
    /// About one for every 128 entries: nobody has to add up the sizes of all entries before a page.
    private let marks: [Mark]

    /// Renders a directory.
    ///
    /// - Parameter buffer: used meanwhile; at least 2 KiB.
    init(rendering directory: Directory, for viewer: Viewer, now: Int64, buffer: UnsafeMutableRawBufferPointer) throws(SystemError) {
        var renderer = try ListingRenderer(directory.fingerprint, buffer)
        directory.forEach { name, entry in
            guard viewer.sees(entry) else { return true }
            return renderer.add(name, entry)
        }
        try renderer.end()
        count = renderer.written
        marks = renderer.marks
        file = OpenFile(renderer.takeFile())
        fingerprint = directory.fingerprint
        self.viewer = viewer
        generation = directory.generation
        created = now
        lastUsed = now
    }

    /// The last mark before every entry for which `isWanted` holds; it holds for all entries after one for which it does.
    func mark(before isWanted: (Cursor) -> Bool) -> Mark? {
        var low = 0, high = marks.count
        while low < high {
            let middle = (low + high) / 2
            if isWanted(marks[middle].cursor) { high = middle } else { low = middle + 1 }
        }
        return low > 0 ? marks[low - 1] : nil
    }
}
