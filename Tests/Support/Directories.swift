import Foundation

/// The names of what lies in a directory, hidden ones too, sorted.
public func names(inDirectory path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).sorted()
}
