import CLinux
import OpenPGP
import System
import Testing
@testable import Content

extension StoreTests {
    /// What another program does in the directories while the store runs.
    @Suite struct StoreWatchTests {
        @Test func createdReplacedRenamedDeleted() throws {
            let shop = try Workshop()
            let directory = try shop.started()
            try Files.write(signed("one"), to: shop.own + "/a.pgp")
            try shop.settled()
            #expect(try directory.served("a.pgp") == signed("one"))
            // In place, with the same length.
            try Files.write(signed("two"), to: shop.own + "/a.pgp")
            try shop.settled()
            #expect(try directory.served("a.pgp") == signed("two"))
            // By renaming another one over it.
            try Files.write(signed("three"), to: shop.own + "/.other")
            #expect(maud_renameat(Files.currentDirectory, shop.own + "/.other", Files.currentDirectory, shop.own + "/a.pgp") == 0)
            try shop.settled()
            #expect(try directory.served("a.pgp") == signed("three"))
            // By a second name.
            #expect(maud_linkat(Files.currentDirectory, shop.own + "/a.pgp", Files.currentDirectory, shop.own + "/b.pgp") == 0)
            try shop.settled()
            #expect(try directory.served("b.pgp") == signed("three"))
            #expect(maud_renameat(Files.currentDirectory, shop.own + "/b.pgp", Files.currentDirectory, shop.own + "/c.pgp") == 0)
            try Files.remove(shop.own + "/a.pgp")
            try shop.settled()
            #expect(directory.listing == ["c.pgp"])
            #expect(directory.entry("b.pgp") == nil)
            // A file that becomes a directory, a link and a pipe is not content.
            try Files.remove(shop.own + "/c.pgp")
            try Files.makeDirectory(shop.own + "/c.pgp")
            try shop.settled()
            #expect(directory.count == 0)
            #expect(shop.store.totals.files == 0)
        }

        /// As cp and editors do: the file is empty when the kernel tells of it, and whole when it is closed.
        @Test func aFileThatWasEmptyWhenItWasCreatedIsListedWhenItIsClosed() throws {
            let shop = try Workshop()
            let directory = try shop.started()
            var file: FileDescriptor? = try FileDescriptor.open(shop.own + "/late.pgp", [.write, .create])
            try shop.settled()
            #expect(directory.listing == [])
            try file?.writeAll(signed("late"))
            file = nil
            try shop.settled()
            #expect(try directory.served("late.pgp") == signed("late"))
        }

        @Test func aFileIsNotListedWhileItIsBeingWritten() throws {
            let shop = try Workshop()
            let directory = try shop.started()
            let content = signed(String(repeating: "long ", count: 1000))
            let file = try FileDescriptor.open(shop.own + "/slow.pgp", [.write, .create])
            try file.writeAll(Array(content[..<2000]))
            try shop.settled()
            #expect(directory.listing == [])
            try file.writeAll(Array(content[2000...]))
            try shop.settled()
            #expect(directory.listing == [])
            _ = maud_close(file.release())
            try shop.settled()
            #expect(try directory.served("slow.pgp") == content)
        }

        @Test func aChangeBetweenEventsIsNeverServedUnderTheOldSum() throws {
            let shop = try Workshop()
            let directory = try shop.started()
            try shop.put("a.pgp", signed("one"))
            let entry = try #require(directory.entry("a.pgp"))
            try Files.write(signed("two"), to: shop.own + "/b")
            #expect(maud_renameat(Files.currentDirectory, shop.own + "/b", Files.currentDirectory, shop.own + "/a.pgp") == 0)
            // The loop has not heard of it yet.
            #expect(try directory.contents(entry) == nil)
            try shop.settled()
            #expect(try directory.served("a.pgp") == signed("two"))
            // An entry from before is not one of now.
            #expect(try directory.contents(entry) == nil)
        }

        @Test func versionsOfOtherPrograms() throws {
            let shop = try Workshop()
            let directory = try shop.started()
            let content = [signed("v1"), signed("v2")], sums = content.map { SHA256Sum(of: $0) }
            try Files.write(signed("v3"), to: shop.own + "/n.pgp")
            try Files.makeDirectory(shop.own + "/n.pgp.versions")
            // As the Go implementation names them, and as the convention does; and one that is not what its name says.
            try Files.write(content[0], to: shop.own + "/n.pgp.versions/" + sums[0].hexadecimal.text)
            try Files.write(content[1], to: shop.own + "/n.pgp.versions/" + sums[1].hexadecimal.text + ".pgp")
            try Files.write(signed("lie"), to: shop.own + "/n.pgp.versions/" + SHA256Sum(of: [1]).hexadecimal.text + ".pgp")
            try shop.settled()
            for number in 0...1 {
                let version = try #require(directory.version(of: "n.pgp", sum: sums[number]))
                #expect(try directory.contents(version) == content[number])
            }
            #expect(directory.version(of: "n.pgp", sum: SHA256Sum(of: [1])) == nil)
            try Files.write(content[0], to: shop.own + "/n.pgp.versions/" + sums[0].hexadecimal.text + ".pgp")
            try shop.settled()
            try Files.remove(shop.own + "/n.pgp.versions/" + sums[0].hexadecimal.text)
            try shop.settled()
            #expect(try directory.version(of: "n.pgp", sum: sums[0]).flatMap { try directory.contents($0) } == content[0])
            try Files.removeTree(shop.own + "/n.pgp.versions")
            try shop.settled()
            #expect(directory.version(of: "n.pgp", sum: sums[0]) == nil)
            #expect(shop.store.totals.versions == 0)
            #expect(shop.store.totals.octets == Int64(signed("v3").count))
        }

        @Test func friendsComeAndGo() throws {
            let shop = try Workshop()
            try shop.started()
            let root = shop.path + "/root/", friend = alice.description
            #expect(shop.store.directory(alice) == nil)
            // A directory that appears with its files in it: followed.
            try Files.makeDirectory(root + "." + friend)
            try Files.write(signed("x"), to: root + "." + friend + "/x.pgp")
            try shop.settled()
            #expect(shop.store.directory(alice) == nil)
            #expect(maud_renameat(Files.currentDirectory, root + "." + friend, Files.currentDirectory, root + friend) == 0)
            try shop.settled()
            let followed = try #require(shop.store.directory(alice))
            #expect(followed.listing == ["x.pgp"])
            try Files.write(signed("y"), to: root + friend + "/y.pgp")
            try shop.settled()
            #expect(try followed.served("y.pgp") == signed("y"))
            let generation = followed.generation
            #expect(maud_renameat(Files.currentDirectory, root + friend, Files.currentDirectory, root + "." + friend) == 0)
            try shop.settled()
            #expect(shop.store.directory(alice) == nil)
            #expect(followed.generation != generation)
            // Neither `.mau` nor an upper-case name is anyone's directory.
            try Files.makeDirectory(root + ".mau")
            try Files.makeDirectory(root + alice.description.uppercased())
            try shop.settled()
            #expect(shop.store.followed.count == 1)
        }

        @Test func whenTheKernelLosesCountEverythingIsLookedAtAgain() throws {
            let shop = try Workshop(in: "/dev/shm")
            let directory = try shop.started()
            for number in 0..<20 { try shop.put("\(number).pgp", signed("\(number)")) }
            let limit = try #require(Int(String(decoding: try Files.read("/proc/sys/fs/inotify/max_queued_events", limit: 100), as: UTF8.self).trimmingSuffix()))
            // Nobody reads the queue meanwhile: fill it, then change files unseen.
            for number in 0...limit { _ = maud_mkdirat(Files.currentDirectory, shop.own + "/d\(number)", 0o700); _ = maud_unlinkat(Files.currentDirectory, shop.own + "/d\(number)", true) }
            try Files.remove(shop.own + "/3.pgp")
            try Files.write(signed("new"), to: shop.own + "/new.pgp")
            try Files.write(signed("FOUR"), to: shop.own + "/4.pgp")
            try Files.makeDirectory(shop.path + "/root/" + alice.description)
            try shop.settled()
            #expect(shop.store.counters.rescans == 1)
            #expect(directory.entry("3.pgp") == nil)
            #expect(try directory.served("new.pgp") == signed("new"))
            #expect(try directory.served("4.pgp") == signed("FOUR"))
            #expect(directory.count == 20)
            #expect(shop.store.directory(alice) != nil)
        }

        @Test func ownWritesWakeTheLoopOnce() throws {
            let shop = try Workshop()
            try shop.started()
            try shop.put("warm.pgp", signed("up"))
            try shop.settled() // the cache is written once
            let before = shop.loop.wakeUps
            for number in 0..<50 {
                try shop.put("\(number).pgp", signed("\(number)"), exclusive: true)
            }
            let wakeUps = shop.loop.wakeUps - before
            // Other tests of this process may fork, and so hold a file of ours open a little longer: then it is looked at again.
            #expect((50...55).contains(wakeUps))
            try shop.settled()
            #expect(shop.store.counters.examined <= 5)
        }
    }
}

extension String {
    fileprivate func trimmingSuffix() -> String { String(self.prefix { $0.isNumber }) }
}
