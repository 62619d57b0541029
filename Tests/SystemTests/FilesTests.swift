import Testing
import System
import CLinux

@Suite struct FilesTests {
    @Test func writeReadRemove() throws {
        let path = "/tmp/maud-files-\(maud_process_id())"
        try Files.makeDirectory(path)
        defer { try? Files.removeTree(path) }
        let directory = try FileDescriptor.open(path, [.read, .directory])
        try Files.write(Array("hello".utf8), to: "a", in: directory.rawValue)
        #expect(try Files.read("a", limit: 5, in: directory.rawValue) == Array("hello".utf8))
        #expect(throws: SystemError.self) { try Files.read("a", limit: 4, in: directory.rawValue) }
        try Files.makeDirectory("sub", in: directory.rawValue)
        try Files.write([1], to: "sub/b", in: directory.rawValue)
        _ = maud_linkat(directory.rawValue, "a", directory.rawValue, "c")
        var names: [String] = []
        try Files.forEachName(inDirectory: directory.rawValue) { (name) throws(SystemError) in names.append(String(cString: name)); return true }
        #expect(names.sorted() == ["a", "c", "sub"])
        try Files.removeTree(path)
        #expect(try Files.status(path) == nil)
    }
}

