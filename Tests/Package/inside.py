"""The node on a machine, for those who command it and for those who hold on to it."""
import ctypes
import http.client
import os
import re
import socket
import subprocess
import threading

NEW_NETWORK = 0x40000000 # CLONE_NEWNET


class Inside:
    """The node on the machine, for Controller."""

    def __init__(self, board, directory):
        self.board, self.directory, self.port = board, directory, 8008
        self.fingerprint = board.run("maudctl", "fingerprint").stdout.strip()

    def command(self, verb, *arguments):
        words = [str(word) for word in arguments]
        for index, word in enumerate(words):
            if word.startswith(str(self.directory)):
                self.board.write(f"/root/argument-{index}", open(word, "rb").read())
                words[index] = f"/root/argument-{index}"
        return self.board.run("maudctl", *verb.split(), *words)

    def export(self):
        """The node's public key, binary."""
        return subprocess.run(["nsenter", "-t", str(self.board.init), "-a", "--wdns=/", "maudctl", "export"], capture_output=True, check=True, env={"PATH": "/usr/sbin:/usr/bin"}).stdout

    def get(self, url, *arguments):
        output = subprocess.run(["nsenter", "-t", str(self.board.init), "-n", "curl", "-sS", "-i", *map(str, arguments), url], capture_output=True, check=True).stdout
        head, _, body = output.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}, body

    def listed(self):
        """The names of its files that anybody sees."""
        return re.findall(rf"/p2p/{self.fingerprint}/([^\"]*)", self.get(f"http://localhost:8008/p2p/{self.fingerprint}")[2].decode())

    def file(self, name):
        return self.get(f"http://localhost:8008/p2p/{self.fingerprint}/{name}")[2]


class Connection(http.client.HTTPConnection):
    """One connection to the node from the machine itself; when it is closed, nothing opens another."""
    auto_open = 0

    def __init__(self, board, port=8008):
        super().__init__("localhost", port)
        made = []
        thread = threading.Thread(target=self.enter, args=(board, made))
        thread.start()
        thread.join()
        self.sock = made[0]

    def enter(self, board, made):
        """A socket belongs to the network of the thread that made it."""
        namespace = os.open(f"/proc/{board.init}/ns/net", os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(namespace, NEW_NETWORK) != 0: raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.create_connection(("localhost", self.port), timeout=30))
        finally: os.close(namespace)

    def status(self, path):
        self.request("GET", path)
        answer = self.getresponse()
        answer.read()
        return answer.status
